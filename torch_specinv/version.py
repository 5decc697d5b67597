"""The one place that holds the version number."""

__version__ = "1.0.0.dev0"
