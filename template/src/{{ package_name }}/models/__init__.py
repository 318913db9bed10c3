"""The project's models: one module each, which declares it as `MODEL`.

`uv run poe new-model NAME` writes one. Only what is special about a model stands
here; how all of them are trained, judged and served is `twobus.models`.
"""
