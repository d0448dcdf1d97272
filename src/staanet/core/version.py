"""The version of the library, and the version of the numbers that it computes."""

__version__ = "0.2.0"

NUMERICS = 2
"""Version of the numbers: raised only when the same settings would give other numbers."""
