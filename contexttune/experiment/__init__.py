"""One run: a condition and a seed, its stages in their order, its records."""
