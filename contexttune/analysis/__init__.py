"""Paired statistics of a group's outcomes and costs: rows -> evidence with its error."""
