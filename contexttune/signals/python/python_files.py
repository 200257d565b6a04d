"""Scan results of a commit's Python files."""

from __future__ import annotations

from collections.abc import Mapping

from contexttune.repos.git import Tree
from contexttune.signals.cache.blob_facts import BlobFacts, Facts
from contexttune.signals.python.scan import VERSION, scan

MAX_BYTES = 2_000_000  # a larger file is data, and an agent cannot read it either


class PythonFiles:
    """The regular `.py` files of a commit. `blobs` is path -> blob."""

    def __init__(self, tree: Tree) -> None:
        self._facts = BlobFacts(tree=tree, kind=f"python-{VERSION}", analyse=scan)
        self._scanned: dict[int, Mapping[str, Facts]] = {}
        self.blobs: Mapping[str, str] = {
            entry.path: entry.blob for entry in tree.entries if entry.path.endswith(".py") and entry.is_file
        }

    def scanned(self, max_bytes: int = MAX_BYTES) -> Mapping[str, Facts]:
        """Blob -> what `scan` returns, as `BlobFacts.of` gives it."""
        if max_bytes not in self._scanned:
            self._scanned[max_bytes] = self._facts.of(self.blobs.values(), max_bytes)
        return self._scanned[max_bytes]
