"""Generators of repository context, and how it reaches an agent."""
