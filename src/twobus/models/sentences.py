"""Say in a sentence what a disk, a server or a file of a version did."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from twobus.models.declaration import ModelError


def bare(text: str) -> str:
    """Take user and password out of addresses, in the words of MLflow as well."""
    return re.sub(r"//[^/\s]*@", "//", text)


@contextmanager
def sentences(what: str) -> Iterator[None]:
    """Turn what a disk or a server may do into one sentence.

    Args:
        what: What did not work.

    Raises:
        ModelError: With that, and the reason.
    """
    try:
        yield
    except ModelError as error:
        raise ModelError(f"{what}: {str(error).removesuffix('.')}.") from None
    except Exception as error:
        reason = bare(" ".join(str(error).split()))[:300]
        raise ModelError(f"{what} ({type(error).__name__}: {reason}).") from None
