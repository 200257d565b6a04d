"""Facts about blobs, cached on disk under the blob's SHA-1. Losing an entry only costs time."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson

from contexttune.system.warn_once import WarnOnce

log = logging.getLogger(__name__)

_CHUNK = 900  # names in one query: old versions of sqlite allow 999 parameters
_PAGE_BYTES = 16_384  # an entry has some kB, and a commit reads most entries of its repository
_BUSY_S = 5.0  # how long to wait for another process
_BUSY_AGAIN_S = 0.1  # after a wait in vain: on a network file system, a lock may never be freed
_EVICTED = 16  # evict one row in 16 at a time, so that not every write has to evict
_DAY_S = 86_400
_WARNINGS = WarnOnce(log)
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS kept"
    " (kind TEXT, name BLOB, checksum INT, facts BLOB, used INT, PRIMARY KEY (kind, name))",
    "CREATE INDEX IF NOT EXISTS by_use ON kept (used)",
)


@dataclass(frozen=True, kw_only=True)
class BlobCache:
    """A sqlite file shared by all repositories and processes. Without a `path`, nothing is cached.

    Every error of sqlite (locked, damaged, read-only, no space) is logged and counts as a miss; so does a row with a
    wrong checksum, which is not logged.
    """

    path: Path | None
    kind: str  # "<analysis>-<version>": entries of other kinds are ignored
    limit_bytes: int | None = None  # for all kinds together; the least recently used entries are evicted

    def version(self) -> tuple[int, int]:
        """(mtime in ns, size) of the file: differs after every `put` by any process."""
        try:
            found = self.path.stat() if self.path is not None else None
        except OSError:
            found = None
        return (found.st_mtime_ns, found.st_size) if found else (0, 0)

    def get(self, names: Iterable[str]) -> dict[str, Any]:
        """SHA-1 -> facts, for those `names` that are cached."""
        wanted = list(names)
        if self.path is None or not wanted:
            return {}
        with self._errors_as_misses("read"):
            if self.path.exists():
                with self._connection("read") as db:
                    return self._found(db, wanted)
        return {}

    def put(self, facts: Mapping[str, Any]) -> None:
        """Cache `facts` (SHA-1 -> JSON value)."""
        if self.path is None or not facts:
            return
        rows = (self._row(name, value) for name, value in facts.items())
        with self._errors_as_misses("written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connection("written") as db:
                db.execute(f"PRAGMA page_size={_PAGE_BYTES}")  # takes effect only while the file is created
                for statement in _SCHEMA:
                    db.execute(statement)
                db.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?, ?, ?, ?)", rows)
                if self.limit_bytes is not None and used_bytes(db) > self.limit_bytes:
                    evict(db, self.limit_bytes)
                db.commit()

    def _row(self, name: str, value: Any) -> tuple[str, bytes, int, bytes, int]:
        key, facts = bytes.fromhex(name), orjson.dumps(value)
        return self.kind, key, _checksum(key, facts), facts, _today()

    def _found(self, db: sqlite3.Connection, wanted: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        unused: list[tuple[int, int]] = []
        for at in range(0, len(wanted), _CHUNK):
            names = [bytes.fromhex(name) for name in wanted[at : at + _CHUNK]]
            marks = ",".join("?" * len(names))
            query = (
                f"SELECT name, checksum, facts, rowid, used FROM kept WHERE kind = ? AND name IN ({marks})"  # noqa: S608
            )
            for name, checksum, facts, number, used in db.execute(query, [self.kind, *names]):
                if isinstance(facts, bytes) and _checksum(name, facts) == checksum:
                    found[name.hex()] = orjson.loads(facts)
                    unused += [] if used == _today() else [(_today(), number)]
        if unused:
            _touch(db, unused)
        return found

    @contextmanager
    def _connection(self, verb: str) -> Iterator[sqlite3.Connection]:
        assert self.path is not None
        timeout = _BUSY_AGAIN_S if _WARNINGS.warned(self.path, verb) else _BUSY_S
        with closing(sqlite3.connect(str(self.path), timeout=timeout)) as db:
            # no fsync: damage by a power cut is detected, and the cache is filled again
            db.execute("PRAGMA synchronous=OFF")
            yield db

    @contextmanager
    def _errors_as_misses(self, verb: str) -> Iterator[None]:
        assert self.path is not None
        try:
            yield
            _WARNINGS.resolved(self.path, verb)
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # another process has just created the file
                _WARNINGS.warn(self.path, verb, "blob cache %s could not be %s: %s", self.path, verb, error)
        except (sqlite3.Error, OSError) as error:
            message = "blob cache %s could not be %s and is deleted: %s"
            _WARNINGS.warn(self.path, verb, message, self.path, verb, error)
            self._drop()

    def _drop(self) -> None:
        with suppress(OSError):
            if self.path is not None:
                self.path.unlink()


def used_bytes(db: sqlite3.Connection) -> int:
    """Size of the file without its free pages, which sqlite uses again."""
    size, n_pages, n_free = (
        int(db.execute(f"PRAGMA {what}").fetchone()[0])
        for what in ("page_size", "page_count", "freelist_count")
    )
    return size * (n_pages - n_free)


def evict(db: sqlite3.Connection, limit_bytes: int) -> int:
    """Delete the least recently used rows until the others fit, and return how many. The caller commits."""
    n_deleted = 0
    while used_bytes(db) > limit_bytes:
        n = db.execute("SELECT count(*) FROM kept").fetchone()[0] // _EVICTED + 1
        oldest = "SELECT rowid FROM kept ORDER BY used, rowid LIMIT ?"
        n_rows = db.execute(f"DELETE FROM kept WHERE rowid IN ({oldest})", [n]).rowcount  # noqa: S608
        if not n_rows:
            break
        n_deleted += n_rows
    return n_deleted


def _touch(db: sqlite3.Connection, rows: list[tuple[int, int]]) -> None:
    """Mark rows as used today. Where that cannot be written, they merely look older than they are."""
    with suppress(sqlite3.OperationalError):
        db.execute(f"PRAGMA busy_timeout={int(_BUSY_AGAIN_S * 1000)}")
        db.executemany("UPDATE kept SET used = ? WHERE rowid = ?", rows)
        db.commit()


def _today() -> int:
    return int(time.time()) // _DAY_S


def _checksum(name: bytes, facts: bytes) -> int:
    """Of a row, since sqlite detects damage in its own structures alone."""
    return crc32(facts, crc32(name))
