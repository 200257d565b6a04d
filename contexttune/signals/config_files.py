"""The files of a commit that may say how its tests are run."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Future
from typing import NamedTuple
from weakref import WeakKeyDictionary

from contexttune.git import Tree
from contexttune.signals.background import submit
from contexttune.signals.blobcache import BlobCache, Kept
from contexttune.signals.test_commands import READERS

RUNNERS = ("tests/runtests.py", "runtests.py", "test/runtests.py", "bin/test")  # a repository's own
_MAX_BYTES = 1_000_000


class _Contents(NamedTuple):
    """What was read: everything by path, and by blob what the cache did not know."""

    by_path: dict[str, bytes]
    fresh: dict[str, Kept]


_READING: WeakKeyDictionary[Tree, Future[_Contents]] = WeakKeyDictionary()


def start(tree: Tree) -> Future[_Contents]:
    """Begin reading in the background."""
    if tree not in _READING:
        found = ((name, tree.by_path.get(name)) for name in (*RUNNERS, *READERS))
        blobs = {name: entry.blob for name, entry in found if entry is not None and entry.is_file}
        _READING[tree] = submit(lambda: _read(tree, blobs))
    return _READING[tree]


def texts(tree: Tree) -> dict[str, str]:
    """Path -> text, in the order they are believed. Raises ArtifactError when the repository lacks a blob."""
    contents = start(tree).result()
    _cache(tree).put(contents.fresh)
    return {
        name: raw.decode(errors="replace").replace("\r\n", "\n") for name, raw in contents.by_path.items()
    }


def _cache(tree: Tree) -> BlobCache:
    return BlobCache(path=tree.blob_cache, kind=f"text-{_MAX_BYTES}")


def _read(tree: Tree, blobs: Mapping[str, str]) -> _Contents:
    wanted = set(blobs.values())
    known = _cache(tree).get(wanted)
    fresh = {
        blob: Kept(None, content[:_MAX_BYTES]) for blob, content in tree.read(sorted(wanted - known.keys()))
    }
    return _Contents({name: (known | fresh)[blob].body for name, blob in blobs.items()}, fresh)
