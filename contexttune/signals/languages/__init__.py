"""Definitions in source files of languages other than Python, found by tree-sitter."""
