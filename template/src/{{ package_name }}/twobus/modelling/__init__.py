"""What all models of this project have in common, from training to serving.

Managed by Twobus: change it by a pull request to the template. `declaration.py` says
what a model is and `rows.py` how rows become predictions; the others are what
happens to a model in its life: `split`, `training`, `scores`, `artifacts`,
`registry`, `card`, `serving`.
"""

from .declaration import Estimator, Model, ModelError

__all__ = ["Estimator", "Model", "ModelError"]
