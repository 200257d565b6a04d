"""Python modules of a repository and their definitions."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.repos.git import Tree
from contexttune.signals.python.python_files import MAX_BYTES, PythonFiles
from contexttune.signals.python.source import printable


@dataclass(frozen=True, kw_only=True)
class PyIndex(Signal):
    """{"modules": {path: {"module", "doc", "symbols"}}, "unparsed": [{"path", "reason"}]}.

    A symbol is {"name", "kind", "line", "signature"}: `name` is qualified by the definitions around it,
    `kind` is class, function or method, `line` counts from 1 and is that of `def` or `class`.
    """

    name: str = "py_index"
    version: ClassVar[int] = 1
    max_bytes: int = MAX_BYTES  # larger files are listed as unparsed

    def __post_init__(self) -> None:
        if self.max_bytes <= 0:
            raise ConfigError(f"signal.py_index.max_bytes must be above 0, got {self.max_bytes}")

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Every `.py` file; those that do not parse have the symbols that the scanner found in them."""
        python = tree.shared(PythonFiles)
        scanned, names = python.scanned(self.max_bytes), module_names(python.blobs)
        index, unparsed = {}, []
        for path in sorted(python.blobs):
            facts = scanned[python.blobs[path]]
            index[printable(path)] = {
                "module": printable(names[path]),
                "doc": facts.get("doc", ""),
                "symbols": facts.get("symbols", []),
            }
            if reason := facts.get("unparsed", f"larger than {self.max_bytes} bytes"):
                unparsed.append({"path": printable(path), "reason": reason})
        return {"modules": index, "unparsed": unparsed}


def module_names(paths: Iterable[str]) -> dict[str, str]:
    """Path -> the name that code imports the file by: a package begins below the last directory without `__init__.py`."""
    paths = list(paths)
    packages = {path.removesuffix("/__init__.py") for path in paths if path.endswith("/__init__.py")}
    return {path: _name(path, packages) for path in paths}


def _name(path: str, packages: set[str]) -> str:
    *directories, stem = path.removesuffix(".py").split("/")
    n_parts = 0
    while n_parts < len(directories) and "/".join(directories[: len(directories) - n_parts]) in packages:
        n_parts += 1
    parts = directories[len(directories) - n_parts :]
    return ".".join(parts if parts and stem == "__init__" else [*parts, stem])
