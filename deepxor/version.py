"""The version, which is written into every run."""

__version__ = "0.2.0"
