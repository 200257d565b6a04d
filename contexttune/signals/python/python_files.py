"""What the scanner knows of a commit's Python files: each blob once, each commit once."""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from contexttune.repos.git import Contents, Tree, is_file
from contexttune.signals.cache import listing
from contexttune.signals.cache.blob_cache import BlobCache
from contexttune.signals.cache.last_commit import LastCommit, is_stale
from contexttune.signals.cache.raw_json import JsonList
from contexttune.signals.cache.scan_records import LAYOUT, Record, dumped, loaded, packed, unpacked
from contexttune.signals.claim import claimed
from contexttune.signals.python.scan import VERSION, scan
from contexttune.system.fork_pool import shared_out

log = logging.getLogger(__name__)

MAX_BYTES = 2_000_000  # a larger file is data, and an agent cannot read it either
_ROWS = 5_000  # written at once
_LEAST_FILES = 16  # for each process: fewer are scanned by the time that another one has begun
KIND = f"records-{LAYOUT}-{VERSION}"


class _Pending(NamedTuple):
    """A commit's records that the cache knew, and the content of the other blobs, still being read."""

    kept: dict[str, Record]
    n_last: int  # how many of them the last commit had
    missing: list[str]
    contents: Contents
    version: tuple[int, int]  # of the cache that was asked


_PENDING: WeakKeyDictionary[Tree, dict[int, _Pending]] = WeakKeyDictionary()
_KNOWN: WeakKeyDictionary[Tree, dict[int, dict[str, Record]]] = WeakKeyDictionary()
_FILES: WeakKeyDictionary[Tree, dict[str, str]] = WeakKeyDictionary()


def python_files(tree: Tree) -> Mapping[str, str]:
    """Path -> blob of each regular `.py` file of a commit."""
    if tree not in _FILES:
        _FILES[tree] = {
            path: blob for path, mode, blob in listing.entries(tree) if path.endswith(".py") and is_file(mode)
        }
    return _FILES[tree]


def start_reading(tree: Tree, max_bytes: int = MAX_BYTES) -> Mapping[str, Record]:
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
        version = _cache(tree).version()
        kept, n_last = _cached(tree, max_bytes)
        missing = sorted(set(python_files(tree).values()) - kept.keys())
        waiting[max_bytes] = _Pending(kept, n_last, missing, tree.start_reading(missing), version)
    return waiting[max_bytes]


def _cached(tree: Tree, max_bytes: int) -> tuple[dict[str, Record], int]:
    listing.launch(tree)
    kept = _last(tree).get()  # while git lists
    last = dict(unpacked(kept)) if kept else {}
    wanted = set(python_files(tree).values())
    found = {blob: last[blob] for blob in wanted & last.keys()}
    n_last = len(found)
    found.update(_known(tree, wanted - found.keys()))
    return dict(_answering(found, max_bytes)), n_last


def _known(tree: Tree, wanted: Iterable[str]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for kept in _cache(tree).get(sorted(wanted)).values():
        found.update(unpacked(kept))
    return found


def _load(tree: Tree, max_bytes: int) -> dict[str, Record]:
    pending = _pending(tree, max_bytes)
    records = pending.kept | (_missing(tree, pending, max_bytes) if pending.missing else {})
    del _PENDING[tree][max_bytes]
    if is_stale(pending.n_last, len(records)):
        _last(tree).put(packed(records))
    return records


def _parts(blobs: Sequence[str]) -> Iterator[Sequence[str]]:
    """Rows of a cache take memory until they are written."""
    return (blobs[at : at + _ROWS] for at in range(0, len(blobs), _ROWS))


def _missing(tree: Tree, pending: _Pending, max_bytes: int) -> dict[str, Record]:
    """Records of the blobs that the cache did not know; what others scanned meanwhile is not scanned again."""
    with claimed(tree):
        late: dict[str, Record] = {}
        if _cache(tree).version() != pending.version:
            late = dict(_answering(_known(tree, pending.missing), max_bytes))
        fresh = _scanned(tree, pending, late, max_bytes)
        for some in _parts(sorted(fresh)):
            _cache(tree).put({blob: packed({blob: fresh[blob]}) for blob in some})
    n_bytes = sum(record["n_bytes"] for record in fresh.values())
    log.debug("%s@%s: %d files scanned, %d bytes", tree.repo, tree.commit, len(fresh), n_bytes)
    return late | fresh


def _scanned(tree: Tree, pending: _Pending, late: Container[str], max_bytes: int) -> dict[str, Record]:
    n_missing = sum(blob not in late for blob in pending.missing)
    n = max(1, min(tree.workers, n_missing // _LEAST_FILES))

    def work(number: int) -> dict[str, Record]:
        contents = pending.contents.share(number, n, late)
        return {blob: _record(content, max_bytes) for blob, content in contents}

    found: dict[str, Record] = {}
    for records in shared_out(work, n, dumped, loaded):
        found |= records
    return found


def _cache(tree: Tree) -> BlobCache:
    return BlobCache.of(tree, KIND)


def _last(tree: Tree) -> LastCommit:
    return LastCommit.of(tree, KIND)


def _record(content: bytes, max_bytes: int) -> Record:
    size = {"n_bytes": len(content)}
    if len(content) > max_bytes:
        return size
    found = scan(content)
    return found | size | {key: JsonList.of(found[key]) for key in ("imports", "symbols")}


def _answering(found: Mapping[str, Record], max_bytes: int) -> Iterator[tuple[str, Record]]:
    """Records that answer for `max_bytes`: one that was not scanned under a lower limit does not."""
    for blob, record in found.items():
        if record["n_bytes"] > max_bytes:
            yield blob, {"n_bytes": record["n_bytes"]}
        elif "symbols" in record:
            yield blob, record
