"""What may be asked for: the schema, its checks, and parts built from it."""
