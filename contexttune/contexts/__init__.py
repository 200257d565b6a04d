"""Conditions: generators of repository context, and the files and documents that they make."""
