"""Datasets, slices of them, and health checks of instances."""
