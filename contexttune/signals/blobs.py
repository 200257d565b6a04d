"""What the scanner knows of a commit's Python files: each blob once per repository, each commit once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

from contexttune.git import Tree
from contexttune.signals.blobcache import BlobCache
from contexttune.signals.modules import Modules
from contexttune.signals.scan import VERSION, scan

MAX_BYTES = 2_000_000  # a larger file is data, and an agent cannot read it either

_KNOWN: WeakKeyDictionary[Tree, dict[str, dict[str, Any]]] = WeakKeyDictionary()
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


def analyses(tree: Tree, max_bytes: int = MAX_BYTES) -> Mapping[str, Mapping[str, Any]]:
    """Blob -> record, for every Python file of `tree`.

    A record is what `scan` returns, or {"n_bytes": n} for a blob larger than `max_bytes`, which is not
    scanned. Raises ArtifactError when the repository lacks a blob.
    """
    known = _KNOWN.setdefault(tree, {})
    wanted = set(python_files(tree).values())
    missing = {blob for blob in wanted if not _serves(known.get(blob), max_bytes)}
    if missing:
        known |= _load(tree, sorted(missing), max_bytes)
    return {blob: _limited(known[blob], max_bytes) for blob in wanted}


def _load(tree: Tree, blobs: list[str], max_bytes: int) -> dict[str, dict[str, Any]]:
    cache = BlobCache(path=tree.blob_cache, kind=f"scan-{VERSION}")
    kept = {blob: record for blob, record in cache.get(blobs).items() if _serves(record, max_bytes)}
    fresh = {
        blob: _record(content, max_bytes)
        for blob, content in tree.read(blob for blob in blobs if blob not in kept)
    }
    cache.put(fresh)
    return kept | fresh


def _record(content: bytes, max_bytes: int) -> dict[str, Any]:
    size = {"n_bytes": len(content)}
    return size if len(content) > max_bytes else scan(content) | size


def _serves(record: Mapping[str, Any] | None, max_bytes: int) -> bool:
    if record is None or "n_bytes" not in record:
        return False
    return "symbols" in record or int(record["n_bytes"]) > max_bytes


def _limited(record: Mapping[str, Any], max_bytes: int) -> Mapping[str, Any]:
    return record if record["n_bytes"] <= max_bytes else {"n_bytes": record["n_bytes"]}
