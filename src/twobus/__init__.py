"""The companion command of the template: what must not be copied into every repo."""
