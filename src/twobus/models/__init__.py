"""What all models of a project have in common, from training to serving.

`declaration` says what a model is, and `rows` how rows become predictions. The other
modules are what happens to a model in its life: `split`, `search`, `training`,
`scores`, `artifacts`, `registry`, `card`, `batch` and `serving`.
"""

from twobus.models.declaration import Estimator, Model, ModelError, find, names

__all__ = ["Estimator", "Model", "ModelError", "find", "names"]
