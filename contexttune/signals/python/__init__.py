"""Facts of Python files: definitions, imports, modules."""
