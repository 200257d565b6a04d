"""SWE-bench experiments that measure whether repository context helps a coding agent."""

__version__ = "0.1.0"
