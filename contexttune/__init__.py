"""Does giving a coding agent repository context help? Evidence from SWE-bench, with its error bars."""

__version__ = "0.1.0"
