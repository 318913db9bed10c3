"""The command `twobus`: what people do to many projects, or with a forge."""
