"""How many cores a process of a server has, and its libraries use."""

import os

from joblib import cpu_count
from threadpoolctl import threadpool_info, threadpool_limits

# What joblib, and so scikit-learn, takes for the number of cores.
CORES = "LOKY_MAX_CPU_COUNT"


def share(processes: int) -> None:
    """Give each of the processes that this one starts its part of the cores.

    Args:
        processes: How many there will be.
    """
    os.environ[CORES] = str(max(1, cpu_count() // processes))


def limit_threads() -> None:
    """Let libraries use no more threads from this one than the process has cores.

    They count those of the computer, of which a container or a worker has a part.
    """
    most = cpu_count()
    # What somebody has set lower stays.
    used = {it["prefix"]: min(most, it["num_threads"]) for it in threadpool_info()}
    threadpool_limits(used)
