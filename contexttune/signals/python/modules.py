"""Dotted names of a commit's Python files."""

from __future__ import annotations

from collections.abc import Iterable

_INIT = "/__init__.py"


def module_names(paths: Iterable[str]) -> dict[str, str]:
    """Path -> the name that code imports the file by: a package begins below the last directory without `__init__.py`."""
    paths = list(paths)
    packages = {path.removesuffix(_INIT) for path in paths if path.endswith(_INIT)}
    return {path: _name(path, packages) for path in paths}


def _name(path: str, packages: set[str]) -> str:
    *directories, stem = path.removesuffix(".py").split("/")
    n_parts = 0
    while n_parts < len(directories) and "/".join(directories[: len(directories) - n_parts]) in packages:
        n_parts += 1
    parts = directories[len(directories) - n_parts :]
    return ".".join(parts if parts and stem == "__init__" else [*parts, stem])
