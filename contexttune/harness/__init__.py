"""Harness backends, which grade predictions."""
