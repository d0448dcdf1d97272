"""The version of the library, part of every identity."""

__version__ = "0.1.0"
