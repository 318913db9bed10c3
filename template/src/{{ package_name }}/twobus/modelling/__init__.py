"""For models that were declared before Twobus 0.6.

Managed by Twobus. `uv run poe update` takes this away: models import from `twobus.models`.
"""

from twobus.models import Estimator, Model, ModelError

__all__ = ["Estimator", "Model", "ModelError"]
