"""What the scanner knows of a commit's Python files: each blob once per repository, each commit once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from contexttune.git import Tree
from contexttune.signals.blobcache import BlobCache, Kept
from contexttune.signals.modules import Modules
from contexttune.signals.scan import VERSION, scan
from contexttune.signals.symbols import Symbols

_LAST = ""  # under this name the cache keeps which blobs the last commit had
MAX_BYTES = 2_000_000  # a larger file is data, and an agent cannot read it either

Record = dict[str, Any]


class _Pending(NamedTuple):
    """A commit's records that the cache knew, and the content of the other blobs, still being read."""

    kept: dict[str, Record]
    contents: Callable[[], Iterator[tuple[str, bytes]]]


_PENDING: WeakKeyDictionary[Tree, dict[int, _Pending]] = WeakKeyDictionary()
_KNOWN: WeakKeyDictionary[Tree, dict[int, dict[str, Record]]] = WeakKeyDictionary()
_FILES: WeakKeyDictionary[Tree, dict[str, str]] = WeakKeyDictionary()
_MODULES: WeakKeyDictionary[Tree, Modules] = WeakKeyDictionary()


def python_files(tree: Tree) -> Mapping[str, str]:
    """Path -> blob of each regular `.py` file of a commit."""
    if tree not in _FILES:
        _FILES[tree] = {e.path: e.blob for e in tree.entries if e.path.endswith(".py") and e.is_file}
    return _FILES[tree]


def modules(tree: Tree) -> Modules:
    """The dotted names of those files."""
    if tree not in _MODULES:
        _MODULES[tree] = Modules(python_files(tree))
    return _MODULES[tree]


def start(tree: Tree, max_bytes: int = MAX_BYTES) -> Mapping[str, Record]:
    """Begin reading the blobs that the cache does not know; the records of those it does."""
    if max_bytes in _KNOWN.get(tree, {}):
        return _KNOWN[tree][max_bytes]
    return _pending(tree, max_bytes).kept


def analyses(tree: Tree, max_bytes: int = MAX_BYTES) -> Mapping[str, Record]:
    """Blob -> record, for every Python file of `tree`.

    A record is what `scan` returns, or {"n_bytes": n} for a blob larger than `max_bytes`, which is not
    scanned. Raises ArtifactError when the repository lacks a blob.
    """
    known = _KNOWN.setdefault(tree, {})
    if max_bytes not in known:
        known[max_bytes] = _load(tree, max_bytes)
    return known[max_bytes]


def _pending(tree: Tree, max_bytes: int) -> _Pending:
    waiting = _PENDING.setdefault(tree, {})
    if max_bytes not in waiting:
        kept = _cached(tree, max_bytes)
        missing = sorted(set(python_files(tree).values()) - kept.keys())
        waiting[max_bytes] = _Pending(kept, tree.start_reading(missing))
    return waiting[max_bytes]


def _cached(tree: Tree, max_bytes: int) -> dict[str, Record]:
    cache = _cache(tree)
    tree.start_listing()
    likely = cache.get([_LAST])  # read what the last commit needed while git lists this one
    found = cache.get(likely[_LAST].head) if likely else {}
    wanted = set(python_files(tree).values())
    found |= cache.get(sorted(wanted - found.keys()))
    return dict(_kept({blob: found[blob] for blob in wanted & found.keys()}, max_bytes))


def _load(tree: Tree, max_bytes: int) -> dict[str, Record]:
    pending = _pending(tree, max_bytes)
    fresh = {blob: _record(content, max_bytes) for blob, content in pending.contents()}
    del _PENDING[tree][max_bytes]
    if fresh:
        last = {_LAST: Kept(sorted(set(python_files(tree).values())))}
        _cache(tree).put({blob: _to_keep(record) for blob, record in fresh.items()} | last)
    return pending.kept | fresh


def _cache(tree: Tree) -> BlobCache:
    return BlobCache(path=tree.blob_cache, kind=f"scan-{VERSION}")


def _record(content: bytes, max_bytes: int) -> Record:
    size = {"n_bytes": len(content)}
    if len(content) > max_bytes:
        return size
    found = scan(content)
    return found | size | {"symbols": Symbols.of(found["symbols"])}


def _to_keep(record: Record) -> Kept:
    if "symbols" not in record:
        return Kept(record)
    head = {key: value for key, value in record.items() if key != "symbols"}
    return Kept(head | {"n_symbols": len(record["symbols"])}, record["symbols"].raw)


def _kept(found: Mapping[str, Kept], max_bytes: int) -> Iterator[tuple[str, Record]]:
    """Records that answer for `max_bytes`: one that was not scanned under a lower limit does not."""
    for blob, (head, body) in found.items():
        if head["n_bytes"] > max_bytes:
            yield blob, {"n_bytes": head["n_bytes"]}
        elif "n_symbols" in head:
            head["symbols"] = Symbols(body, head.pop("n_symbols"))
            yield blob, head
