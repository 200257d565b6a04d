"""Backends that grade predictions; one file each."""
