"""Recomputes every published figure from the outcomes of the clips, without any code of the library.

The library computes a figure once and publishes it in records, tables and sentences. This package reads the outcomes
with pyarrow and computes the same figures from their definitions with NumPy and SciPy, so that a fault in the library,
in a table or in a file that was edited by hand is found.
"""
