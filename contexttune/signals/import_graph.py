"""Who imports whom inside a repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from contexttune.git import Tree
from contexttune.signals import blobs
from contexttune.signals.blobs import MAX_BYTES, analyses, modules, python_files
from contexttune.signals.imports import Import
from contexttune.signals.modules import Modules
from contexttune.signals.source import printable

_GRAPHS: WeakKeyDictionary[Tree, dict[int, dict[str, list[str]]]] = WeakKeyDictionary()
_RESOLVED: WeakKeyDictionary[Tree, dict[int, dict[str, list[str]]]] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class ImportGraph:
    """{"edges": {path: [paths it imports]}, "in_degree": {path: how many files import it}}."""

    name: str = "import_graph"
    version: int = 1
    max_bytes: int = MAX_BYTES

    def start(self, tree: Tree) -> None:
        """Resolve the imports of the files that the cache knows, while git reads the others."""
        _resolve(tree, self.max_bytes, blobs.start(tree, self.max_bytes))

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
        found = _resolve(tree, max_bytes, analyses(tree, max_bytes))
        graphs[max_bytes] = {path: found[path] for path in sorted(found) if found[path]}
    return graphs[max_bytes]


def in_degree(graph: Mapping[str, Iterable[str]]) -> Counter[str]:
    """How many files import each path."""
    return Counter(target for targets in graph.values() for target in targets)


def _resolve(tree: Tree, max_bytes: int, records: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Path -> sorted paths it imports, for the files whose record is there; each is looked at once."""
    found = _RESOLVED.setdefault(tree, {}).setdefault(max_bytes, {})
    names = modules(tree)
    for path, blob in python_files(tree).items():
        if path not in found and blob in records:
            found[path] = sorted(_targets(names, path, records[blob].get("imports", ())))
    return found


def _targets(known: Modules, path: str, imports: Iterable[Import]) -> set[str]:
    found: set[str | None] = set()
    absolute = any(["absolute_import" in names for _, module, names in imports if module == "__future__"])
    places = known.places(path.rpartition("/")[0], not absolute)
    for level, module, names in imports:
        place = places[level, module]
        if place is None:
            continue
        file, children = place
        if names and children is not None:
            found.update([children.get(name, file) for name in names])
        else:
            found.add(file)
    return {target for target in found if target and target != path}
