"""Every declared model keeps its word, on the sample of its table.

Managed by Twobus: change it by a pull request to the template. What is asked of each
model stands in `twobus.models.checks`.
"""

from twobus.models.checks import TestModels

__all__ = ["TestModels"]
