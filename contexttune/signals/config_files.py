"""The files of a commit that may say how its tests are run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from weakref import WeakKeyDictionary

from contexttune.repos.git import Contents, Tree
from contexttune.signals.cache.blob_cache import BlobCache, Kept
from contexttune.signals.test_commands import READERS

RUNNERS = ("tests/runtests.py", "runtests.py", "test/runtests.py", "bin/test")  # a repository's own
_MAX_BYTES = 1_000_000


class _Reading(NamedTuple):
    """Path -> blob, what the cache knew by blob, and the content of the other blobs, still being read."""

    blobs: dict[str, str]
    known: Mapping[str, Kept]
    contents: Contents


_READING: WeakKeyDictionary[Tree, _Reading] = WeakKeyDictionary()


def start(tree: Tree) -> None:
    """Begin reading what the cache does not know."""
    if tree not in _READING:
        found = ((name, tree.by_path.get(name)) for name in (*RUNNERS, *READERS))
        blobs = {name: entry.blob for name, entry in found if entry is not None and entry.is_file}
        known = _cache(tree).get(set(blobs.values()))
        missing = sorted(set(blobs.values()) - known.keys())
        _READING[tree] = _Reading(blobs, known, tree.start_reading(missing))


def texts(tree: Tree) -> dict[str, str]:
    """Path -> text, in the order they are believed. Raises ArtifactError when the repository lacks a blob."""
    start(tree)
    blobs, known, contents = _READING.pop(tree)
    fresh = {blob: Kept(None, content[:_MAX_BYTES]) for blob, content in contents}
    _cache(tree).put(fresh)
    raw = {name: (fresh.get(blob) or known[blob]).body for name, blob in blobs.items()}
    return {name: str(body, "utf-8", "replace").replace("\r\n", "\n") for name, body in raw.items()}


def _cache(tree: Tree) -> BlobCache:
    return BlobCache.of(tree, f"text-{_MAX_BYTES}")
