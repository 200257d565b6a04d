"""Who imports whom inside a repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from contexttune.git import Tree
from contexttune.signals.blobs import MAX_BYTES, analyses, modules, python_files
from contexttune.signals.imports import Import
from contexttune.signals.modules import Modules
from contexttune.signals.source import printable

_GRAPHS: WeakKeyDictionary[Tree, dict[int, dict[str, list[str]]]] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class ImportGraph:
    """{"edges": {path: [paths it imports]}, "in_degree": {path: how many files import it}}."""

    name: str = "import_graph"
    version: int = 1
    max_bytes: int = MAX_BYTES

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Edges between files of the repository only, none from a file to itself."""
        graph = edges(tree, self.max_bytes)
        degrees = in_degree(graph)
        return {
            "edges": {printable(path): [printable(to) for to in targets] for path, targets in graph.items()},
            "in_degree": {printable(path): degrees[path] for path in sorted(degrees)},
        }


def edges(tree: Tree, max_bytes: int = MAX_BYTES) -> dict[str, list[str]]:
    """Path -> sorted paths it imports, for each file that imports any; computed once per tree."""
    graphs = _GRAPHS.setdefault(tree, {})
    if max_bytes not in graphs:
        graphs[max_bytes] = _edges(tree, analyses(tree, max_bytes))
    return graphs[max_bytes]


def in_degree(graph: Mapping[str, Iterable[str]]) -> Counter[str]:
    """How many files import each path."""
    return Counter(target for targets in graph.values() for target in targets)


def _edges(tree: Tree, records: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    files, names, graph = python_files(tree), modules(tree), {}
    for path in sorted(files):
        targets = _targets(names, path, records[files[path]].get("imports", ()))
        targets.discard(path)
        if targets:
            graph[path] = sorted(targets)
    return graph


def _targets(known: Modules, path: str, imports: Iterable[Import]) -> set[str]:
    found: set[str] = set()
    implicit = not any(module == "__future__" and "absolute_import" in names for _, module, names in imports)
    places = known.places(path.rpartition("/")[0], implicit)
    for level, module, names in imports:
        place = places[level, module]
        if place is None:
            continue
        file, children = place
        if names and children is not None:
            for name in names:
                if target := children.get(name, file):
                    found.add(target)
        elif file:
            found.add(file)
    return found
