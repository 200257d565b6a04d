"""Who imports whom inside a repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from contexttune.repos.git import Tree
from contexttune.signals.cache.blob_cache import Kept
from contexttune.signals.cache.last_commit import LastCommit, is_stale
from contexttune.signals.cache.path_lists import packed, unpacked
from contexttune.signals.cache.scan_records import Record
from contexttune.signals.python.imports import Import
from contexttune.signals.python.modules import Modules
from contexttune.signals.python.python_files import (
    MAX_BYTES,
    analyses,
    modules,
    python_files,
    start_reading,
)
from contexttune.signals.python.scan import VERSION
from contexttune.signals.python.source import printable
from contexttune.signals.python.unchanged_edges import still_true


class _Resolved(NamedTuple):
    """Path -> sorted paths it imports, and how many of them another commit knew."""

    targets: dict[str, list[str]]
    n_kept: int


_GRAPHS: WeakKeyDictionary[Tree, dict[int, dict[str, list[str]]]] = WeakKeyDictionary()
_RESOLVED: WeakKeyDictionary[Tree, dict[int, _Resolved]] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class ImportGraph:
    """{"edges": {path: [paths it imports]}, "in_degree": {path: how many files import it}}."""

    name: str = "import_graph"
    version: ClassVar[int] = 1
    max_bytes: int = MAX_BYTES

    def start(self, tree: Tree) -> None:
        """Resolve the imports of the files that the cache knows, while git reads the others."""
        _resolve(tree, self.max_bytes, start_reading(tree, self.max_bytes))

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
        resolved = _resolve(tree, max_bytes, analyses(tree, max_bytes))
        _keep(tree, max_bytes, resolved)
        found = resolved.targets
        graphs[max_bytes] = {path: found[path] for path in sorted(found) if found[path]}
    return graphs[max_bytes]


def in_degree(graph: Mapping[str, Iterable[str]]) -> Counter[str]:
    """How many files import each path."""
    return Counter(target for targets in graph.values() for target in targets)


def _resolve(tree: Tree, max_bytes: int, records: Mapping[str, Record]) -> _Resolved:
    """What the files import whose record is there; each is looked at once."""
    states = _RESOLVED.setdefault(tree, {})
    if max_bytes not in states:
        kept = _kept(tree, max_bytes, records)
        states[max_bytes] = _Resolved(kept, len(kept))
    found, names = states[max_bytes].targets, modules(tree)
    for path, blob in python_files(tree).items():
        if path not in found and blob in records:
            found[path] = sorted(_targets(names, path, records[blob].get("imports", ())))
    return states[max_bytes]


def _kept(tree: Tree, max_bytes: int, records: Mapping[str, Record]) -> dict[str, list[str]]:
    """What is known from another commit."""
    kept = _last(tree, max_bytes).get()
    if kept is None:
        return {}
    imports = {
        blob: record["imports"].raw if "imports" in record else b"" for blob, record in records.items()
    }
    return still_true(unpacked(kept.body), python_files(tree), imports)


def _keep(tree: Tree, max_bytes: int, resolved: _Resolved) -> None:
    """For the commits near to this one, unless they find most of it already."""
    files, found = python_files(tree), resolved.targets
    if is_stale(resolved.n_kept, len(files)):
        lists = {path: [files[path], *targets] for path, targets in found.items()}
        _last(tree, max_bytes).put(Kept(None, packed(lists)))


def _last(tree: Tree, max_bytes: int) -> LastCommit:
    """What `version` says of this signal goes for what it keeps too."""
    return LastCommit.of(tree, f"edges-{ImportGraph.version}-{VERSION}-{max_bytes}")


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
