"""The project's code; README.md says what it is about."""
