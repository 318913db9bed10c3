"""What all models of this project have in common, from training to serving.

`declaration.py` says
what a model is and `rows.py` how rows become predictions; the others are what
happens to a model in its life: `split`, `training`, `scores`, `artifacts`,
`registry`, `card`, `serving`.
"""

from twobus.models.declaration import Estimator, Model, ModelError

__all__ = ["Estimator", "Model", "ModelError"]
