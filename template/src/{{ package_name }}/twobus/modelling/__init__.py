"""For models that were declared before Twobus 0.6.

Managed by Twobus: models import from `twobus.models` after `uv run poe update`, which
takes this away.
"""

from twobus.models import Estimator, Model, ModelError

__all__ = ["Estimator", "Model", "ModelError"]
