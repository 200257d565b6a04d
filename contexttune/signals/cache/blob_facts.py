"""Facts about the blobs of a commit: from the cache, or else by an analysis of each blob, which is then cached."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from contexttune.paths import repo_slug
from contexttune.repos.git import Tree
from contexttune.signals.cache.blob_cache import BlobCache
from contexttune.system.files import locked

log = logging.getLogger(__name__)

_LOCK_TIMEOUT_S = 60.0  # then blobs are analysed twice rather than not at all

Facts = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class BlobFacts:
    """One analysis of the blobs of a commit. Each blob is analysed once for all commits and repositories."""

    tree: Tree
    kind: str  # <analysis>-<version>
    analyse: Callable[[bytes], Facts]

    def of(self, blobs: Iterable[str], max_bytes: int) -> dict[str, Facts]:
        """Blob -> its facts and its size, `n_bytes`; the size alone for a blob larger than `max_bytes`.

        Raises ArtifactError when the repository lacks a blob.
        """
        wanted, version = set(blobs), self._cache.version()
        known = self._known(wanted, max_bytes)
        if missing := wanted - known.keys():
            with _sole_reader(self.tree):
                if self._cache.version() != version:  # another process may have read them meanwhile
                    known |= self._known(missing, max_bytes)
                known |= self._read(sorted(missing - known.keys()), max_bytes)
        return known

    @property
    def _cache(self) -> BlobCache:
        return BlobCache(path=self.tree.blob_cache, kind=self.kind, limit_bytes=self.tree.cache_bytes)

    def _known(self, blobs: Iterable[str], max_bytes: int) -> dict[str, Facts]:
        """Cached facts, except those that a lower limit left out."""
        found = self._cache.get(sorted(blobs))
        sizes = {blob: {"n_bytes": n} for blob, one in found.items() if (n := one["n_bytes"]) > max_bytes}
        return {blob: one for blob, one in found.items() if len(one) > 1} | sizes

    def _read(self, blobs: Iterable[str], max_bytes: int) -> dict[str, Facts]:
        fresh: dict[str, Facts] = {}
        for blob, content in self.tree.read(blobs):
            size = {"n_bytes": len(content)}
            fresh[blob] = size if len(content) > max_bytes else {**self.analyse(content), **size}
        self._cache.put(fresh)
        n_bytes = sum(one["n_bytes"] for one in fresh.values())
        message = "%s@%s: %d files scanned, %d bytes (%s)"
        log.debug(message, self.tree.repo, self.tree.commit, len(fresh), n_bytes, self.kind)
        return fresh


@contextmanager
def _sole_reader(tree: Tree) -> Iterator[None]:
    """Let processes that need blobs of one repository read them one after the other."""
    with ExitStack() as stack:
        if tree.blob_cache is not None:
            path = tree.blob_cache.with_suffix(f".{repo_slug(tree.repo)}.lock")
            try:
                stack.enter_context(locked(path, _LOCK_TIMEOUT_S))
            except OSError as error:  # a timeout, or a directory that cannot be written
                log.debug("reading without the lock %s: %s", path, error)
        yield
