"""Run notebooks, render them for readers, and keep scripts and notebooks in step."""

import sys

# Where it is installed, as beside JupyterLab, jsonschema makes parsers by it for two
# seconds: of addresses that no notebook has. What people run in a kernel may need it.
if "ipykernel" not in sys.modules:
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
