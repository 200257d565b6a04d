"""The configuration: its schema, its checks, and the parts built from it."""
