"""Endpoints, and doubles that are endpoints too."""
