"""One run (a condition and a seed): its stages, in order, and its records."""
