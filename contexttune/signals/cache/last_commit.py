"""What is kept of one commit in a piece, for the commits near to it. Losing it costs time, nothing else."""

from __future__ import annotations

import logging
import struct
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import orjson

from contexttune.paths import repo_slug
from contexttune.repos.git import Tree
from contexttune.signals.cache.blob_cache import Kept
from contexttune.system.files import write_atomic
from contexttune.system.warn_once import WarnOnce

log = logging.getLogger(__name__)

_WARNINGS = WarnOnce(log)
_FRAME = struct.Struct("<II")  # checksum of all that follows it, bytes of the head


@dataclass(frozen=True, kw_only=True)
class LastCommit:
    """A file of one repository beside the cache of blobs, or nothing at all when `path` is None.

    It is read whole and at once, where sqlite would copy it page by page, and replaced by renaming. A checksum
    covers it, so damage to it is a miss.
    """

    path: Path | None

    @classmethod
    def of(cls, tree: Tree, kind: str) -> LastCommit:
        """For the commits of `tree`'s repository. `kind` names what is kept and by which version."""
        home = home_of(tree)
        return cls(path=home and home / kind)

    def get(self) -> Kept | None:
        """What was kept, if anything; its body is a view."""
        if self.path is None:
            return None
        try:
            raw = memoryview(self.path.read_bytes())
            checksum, n_head = _FRAME.unpack_from(raw)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, struct.error) as error:
            self._complain("read", error)
            return None
        content = raw[4:]
        if crc32(content) != checksum:
            log.warning("%s is damaged", self.path)
            return None
        end = _FRAME.size + n_head
        return Kept(orjson.loads(raw[_FRAME.size : end]), raw[end:])

    def put(self, record: Kept) -> None:
        """Keep `record` in place of what there was."""
        if self.path is None:
            return
        front = orjson.dumps(record.head)
        parts = (struct.pack("<I", len(front)), front, record.body)
        checksum = 0
        for part in parts:
            checksum = crc32(part, checksum)
        try:
            write_atomic(self.path, b"".join((struct.pack("<I", checksum), *parts)), durable=False)
        except OSError as error:
            self._complain("written", error)

    def _complain(self, verb: str, error: Exception) -> None:
        assert self.path is not None
        _WARNINGS.warn(self.path, verb, "%s could not be %s: %s", self.path, verb, error)


def home_of(tree: Tree) -> Path | None:
    """Where what concerns one repository lies, beside the cache of blobs."""
    return tree.blob_cache and tree.blob_cache.parent / repo_slug(tree.repo)


def is_stale(n_found: int, n_needed: int) -> bool:
    """Whether a commit that found so many of its files in the last one should be the last from now on.

    Not each commit: writing what all its files hold costs more than looking up some of them one by one.
    """
    return (n_needed - n_found) * 10 > n_needed
