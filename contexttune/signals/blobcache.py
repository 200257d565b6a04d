"""Analyses of git objects, kept on disk under the object's name. Losing one costs time, nothing else."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from contexttune.complaints import Complaints

log = logging.getLogger(__name__)

_CHUNK = 900  # names in one query: the oldest sqlite allows 999 parameters
_PAGE_BYTES = 16_384  # a row is some kB, and a commit reads most of the file
_BUSY_S = 5.0  # how long we wait for another process before we give up
_BUSY_AGAIN_S = 0.1  # and how long once that was in vain: a lock may never be freed, on a network file system
_COMPLAINTS = Complaints(log)


class Kept(NamedTuple):
    """What is kept of an object: a JSON value that every reader needs, and bytes that few do."""

    head: Any
    body: bytes | memoryview = b""


@dataclass(frozen=True, kw_only=True)
class BlobCache:
    """A sqlite file shared by processes, or nothing at all when `path` is None.

    Any error of sqlite (locked, damaged, read-only, no space) is a miss with a line in the log, and a row
    whose checksum is wrong is a miss without one.
    """

    path: Path | None
    kind: str  # what was analysed and by which version: records of another kind are not seen

    def get(self, names: Iterable[str]) -> dict[str, Kept]:
        """Records of those `names` (object sha1s) that are known."""
        wanted = list(names)
        if self.path is None or not wanted:
            return {}
        with self._survived("read"):
            if self.path.exists():
                with self._connection("read") as db:
                    return dict(self._rows(db, wanted))
        return {}

    def put(self, records: Mapping[str, Kept]) -> None:
        """Keep `records` by object name."""
        if self.path is None or not records:
            return
        rows = [self._row(name, record) for name, record in records.items()]
        with self._survived("written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connection("written") as db:
                db.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # heeded when the file is made, not later
                db.execute(
                    "CREATE TABLE IF NOT EXISTS kept"
                    " (kind TEXT, name BLOB, checksum INT, head BLOB, body BLOB, PRIMARY KEY (kind, name))"
                )
                db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", rows)
                db.commit()

    def _row(self, name: str, record: Kept) -> tuple[str, bytes, int, bytes, bytes | memoryview]:
        key, head = bytes.fromhex(name), orjson.dumps(record.head)
        return self.kind, key, _checksum(key, head, record.body), head, record.body

    def _rows(self, db: sqlite3.Connection, wanted: list[str]) -> Iterator[tuple[str, Kept]]:
        for at in range(0, len(wanted), _CHUNK):
            chunk = [bytes.fromhex(name) for name in wanted[at : at + _CHUNK]]
            marks = ",".join("?" * len(chunk))
            query = f"SELECT name, checksum, head, body FROM kept WHERE kind = ? AND name IN ({marks})"  # noqa: S608
            rows = [row for row in db.execute(query, [self.kind, *chunk]) if _is_sound(*row)]
            heads = orjson.loads(b"[%s]" % b",".join(head for _, _, head, _ in rows))
            for (name, _, _, body), head in zip(rows, heads, strict=True):
                yield name.hex(), Kept(head, body)

    @contextmanager
    def _connection(self, verb: str) -> Iterator[sqlite3.Connection]:
        assert self.path is not None
        timeout = _BUSY_AGAIN_S if _COMPLAINTS.stands(self.path, verb) else _BUSY_S
        with closing(sqlite3.connect(str(self.path), timeout=timeout)) as db:
            # no fsync: a cache damaged by a power cut is noticed, thrown away and filled again
            db.execute("PRAGMA synchronous=OFF")
            yield db

    @contextmanager
    def _survived(self, verb: str) -> Iterator[None]:
        assert self.path is not None
        try:
            yield
            _COMPLAINTS.withdraw(self.path, verb)
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # only created: another process is about to fill it
                _COMPLAINTS.make(self.path, verb, "blob cache %s could not be %s: %s", self.path, verb, error)
        except (sqlite3.Error, OSError) as error:
            message = "blob cache %s could not be %s and is dropped: %s"
            _COMPLAINTS.make(self.path, verb, message, self.path, verb, error)
            self._drop()

    def _drop(self) -> None:
        with suppress(OSError):
            if self.path is not None:
                self.path.unlink()


def _is_sound(name: Any, checksum: Any, head: Any, body: Any) -> bool:
    """Whether a row is as it was written: sqlite notices damage only where its own structure lies."""
    return (
        all(isinstance(part, bytes) for part in (name, head, body))
        and _checksum(name, head, body) == checksum
    )


def _checksum(name: bytes, head: bytes, body: bytes | memoryview) -> int:
    return crc32(body, crc32(head, crc32(name)))
