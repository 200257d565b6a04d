"""Datasets, slices of them, and which instances can be graded."""
