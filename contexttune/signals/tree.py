"""The files of a commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from contexttune.git import Tree
from contexttune.signals.source import printable


@dataclass(frozen=True, kw_only=True)
class FileTree:
    """{"n_files", "files", "symlinks", "submodules", "directories": {path: n}, "extensions": {".py": n}}.

    A directory counts the regular files directly in it; the top directory is ".".
    """

    name: str = "tree"
    version: int = 1

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Sorted paths, by what git says they are; nothing is followed."""
        files = sorted(printable(entry.path) for entry in tree.entries if entry.is_file)
        return {
            "n_files": len(files),
            "files": files,
            "symlinks": _with_mode(tree, "120000"),
            "submodules": _with_mode(tree, "160000"),
            "directories": _counted(path.rpartition("/")[0] or "." for path in files),
            "extensions": _counted(filter(None, map(_extension, files))),
        }


def _with_mode(tree: Tree, mode: str) -> list[str]:
    return sorted(printable(entry.path) for entry in tree.entries if entry.mode == mode)


def _extension(path: str) -> str:
    stem, dot, suffix = path.rpartition("/")[2].rpartition(".")
    return f".{suffix.lower()}" if dot and stem and suffix else ""


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))
