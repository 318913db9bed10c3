"""Run notebooks, render them for readers, and keep scripts and notebooks in step."""
