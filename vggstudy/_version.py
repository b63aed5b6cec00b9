"""The version of vggstudy, in the one place that packaging and the records read."""

__version__ = "0.1.0"
