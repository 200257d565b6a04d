"""A group's records on disk -> summary.json, instances.csv, tables."""
