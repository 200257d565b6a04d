"""Backends that turn an instance and a context block into a patch."""
