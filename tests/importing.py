"""Print how long an import takes, and all modules then: `python importing.py NAME`."""

import json
import sys
from importlib import import_module
from time import perf_counter

start = perf_counter()
import_module(sys.argv[1])
print(json.dumps([perf_counter() - start, sorted(sys.modules)]))
