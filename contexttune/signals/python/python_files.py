"""Scan results of a commit's Python files; each blob is scanned once for all commits."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from contexttune.paths import repo_slug
from contexttune.repos.git import Tree
from contexttune.signals.cache.blob_cache import BlobCache
from contexttune.signals.cache.raw_json import JsonList
from contexttune.signals.cache.scan_records import LAYOUT, Record, packed, unpacked
from contexttune.signals.python.scan import VERSION, scan
from contexttune.system.files import locked

log = logging.getLogger(__name__)

MAX_BYTES = 2_000_000  # a larger file is data, and an agent cannot read it either
_ROWS = 5_000  # written at once: packed records take memory
_LOCK_TIMEOUT_S = 60.0  # then blobs are scanned twice rather than not at all


class PythonFiles:
    """The regular `.py` files of a commit. `blobs` is path -> blob."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._cache = BlobCache.of(tree, f"records-{LAYOUT}-{VERSION}")
        self._records: dict[int, Mapping[str, Record]] = {}
        self.blobs: Mapping[str, str] = {
            entry.path: entry.blob for entry in tree.entries if entry.path.endswith(".py") and entry.is_file
        }

    def records(self, max_bytes: int = MAX_BYTES) -> Mapping[str, Record]:
        """Blob -> record, {"n_bytes": n} for a blob larger than `max_bytes`.

        Raises ArtifactError when the repository lacks a blob.
        """
        if max_bytes not in self._records:
            self._records[max_bytes] = self._load(max_bytes)
        return self._records[max_bytes]

    def _load(self, max_bytes: int) -> dict[str, Record]:
        version = self._cache.version()
        known = self._known(set(self.blobs.values()), max_bytes)
        missing = set(self.blobs.values()) - known.keys()
        if missing:
            with _sole_scanner(self._tree):
                if self._cache.version() != version:  # another process may have scanned them meanwhile
                    known |= self._known(missing, max_bytes)
                known |= self._scanned(sorted(missing - known.keys()), max_bytes)
        return known

    def _known(self, blobs: Iterable[str], max_bytes: int) -> dict[str, Record]:
        """Cached records, except those that a lower limit left unscanned."""
        records = {blob: unpacked(entry) for blob, entry in self._cache.get(sorted(blobs)).items()}
        return {
            blob: {"n_bytes": record["n_bytes"]} if record["n_bytes"] > max_bytes else record
            for blob, record in records.items()
            if record["n_bytes"] > max_bytes or "symbols" in record
        }

    def _scanned(self, blobs: list[str], max_bytes: int) -> dict[str, Record]:
        fresh = {blob: _record(content, max_bytes) for blob, content in self._tree.read(blobs)}
        for at in range(0, len(blobs), _ROWS):
            self._cache.put({blob: packed(fresh[blob]) for blob in blobs[at : at + _ROWS]})
        n_bytes = sum(record["n_bytes"] for record in fresh.values())
        log.debug(
            "%s@%s: %d files scanned, %d bytes", self._tree.repo, self._tree.commit, len(fresh), n_bytes
        )
        return fresh


def _record(content: bytes, max_bytes: int) -> Record:
    size = {"n_bytes": len(content)}
    if len(content) > max_bytes:
        return size
    found = scan(content)
    return found | size | {key: JsonList.of(found[key]) for key in ("imports", "symbols")}


@contextmanager
def _sole_scanner(tree: Tree) -> Iterator[None]:
    """Let processes that need blobs of one repository scan them one after the other."""
    with ExitStack() as stack:
        if tree.blob_cache is not None:
            path = tree.blob_cache.with_suffix(f".{repo_slug(tree.repo)}.lock")
            try:
                stack.enter_context(locked(path, _LOCK_TIMEOUT_S))
            except OSError as error:  # a timeout, or a directory that cannot be written
                log.debug("scanning without the lock %s: %s", path, error)
        yield
