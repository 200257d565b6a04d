"""The baseline: parse every Python file of a commit, and walk the trees for symbols and imports."""

from __future__ import annotations

import ast
from typing import Any

from contexttune.repos.git import Tree


def parse(tree: Tree) -> tuple[dict[str, Any], dict[str, set[str]]]:
    """The plain way, in one process: parse every blob, walk for symbols, walk again for imports."""
    files = blobs(tree)
    contents = dict(tree.read(sorted(set(files.values()))))
    trees: dict[str, ast.Module] = {}
    symbols: dict[str, Any] = {}
    for path, blob in files.items():
        try:
            trees[path] = ast.parse(contents[blob])
        except (SyntaxError, ValueError):
            continue
        symbols[path] = [
            (node.name, node.lineno)
            for node in ast.walk(trees[path])
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
    names = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in files}
    return symbols, {path: _imported(path, module, names) for path, module in trees.items()}


def _imported(path: str, module: ast.Module, names: dict[str, str]) -> set[str]:
    found: set[str] = set()
    package = path.split("/")[:-1]
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            found |= {start, *(f"{start}.{alias.name}" for alias in node.names)}
    return {names[name] for name in found if name in names} - {path}


def blobs(tree: Tree) -> dict[str, str]:
    """Path -> blob of each Python file."""
    return {entry.path: entry.blob for entry in tree.entries if entry.is_file and entry.path.endswith(".py")}
