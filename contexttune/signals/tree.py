"""The files of a commit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from contexttune.interfaces import Signal
from contexttune.repos.git import Tree, is_file
from contexttune.signals.python.source import printable


@dataclass(frozen=True, kw_only=True)
class FileTree(Signal):
    """{"n_files", "files", "symlinks", "submodules", "directories": {path: n}, "extensions": {".py": n}}.

    A directory counts the regular files directly in it; the top directory is ".".
    """

    name: str = "tree"
    version: ClassVar[int] = 1

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Paths sorted, classified by git's modes; links are not followed."""
        by_mode: dict[str, list[str]] = {}
        for path, mode, _ in tree.entries:
            by_mode.setdefault(mode, []).append(printable(path))
        files = sorted(chain.from_iterable(paths for mode, paths in by_mode.items() if is_file(mode)))
        split = [path.rpartition("/") for path in files]
        return {
            "n_files": len(files),
            "files": files,
            "symlinks": sorted(by_mode.get("120000", [])),
            "submodules": sorted(by_mode.get("160000", [])),
            "directories": _sorted(Counter([directory or "." for directory, _, _ in split])),
            "extensions": _extensions([leaf for _, _, leaf in split]),
        }


def _extensions(leaves: Iterable[str]) -> dict[str, int]:
    """A name whose only dot is its first or last character has no extension."""
    spelled = Counter([leaf[leaf.rfind(".") :] for leaf in leaves if leaf.rfind(".") > 0])
    found: Counter[str] = Counter()
    for extension, n_files in spelled.items():
        if extension != ".":
            found[extension.lower()] += n_files
    return _sorted(found)


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
