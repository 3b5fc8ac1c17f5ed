"""Analyze call recordings: one row with the customer's emotion for each segment of speech."""

try:
    from callmood._version import __version__
except ImportError:  # a checkout that was never installed has no generated version
    __version__ = "0+unknown"

__all__ = ["__version__"]
