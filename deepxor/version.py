"""The version, which is written into every run."""

__version__ = "0.1.0"
