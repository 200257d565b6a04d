"""Analyses of git objects, kept on disk under the object's name. Losing one costs time, nothing else."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

log = logging.getLogger(__name__)

_CHUNK = 500  # names in one query: the oldest sqlite allows 999
_BUSY_S = 5.0  # how long a writer waits for another process before it gives up


@dataclass(frozen=True, kw_only=True)
class BlobCache:
    """A sqlite file shared by processes, or nothing at all when `path` is None.

    Any error of sqlite (locked, damaged, read-only, no space) is a miss with a line in the log.
    """

    path: Path | None
    kind: str  # what was analysed and by which version: records of another kind are not seen

    def get(self, names: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Records of those `names` (object sha1s) that are known."""
        wanted = list(names)
        if self.path is None or not self.path.exists() or not wanted:
            return {}
        with self._survived("read"), self._connection() as db:
            return {name: record for name, record in self._rows(db, wanted) if isinstance(record, dict)}
        return {}

    def put(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep `records` by object name."""
        if self.path is None or not records:
            return
        rows = [(self.kind, bytes.fromhex(name), orjson.dumps(record)) for name, record in records.items()]
        with self._survived("written"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connection() as db:
                db.execute(
                    "CREATE TABLE IF NOT EXISTS records"
                    " (kind TEXT, name BLOB, record BLOB, PRIMARY KEY (kind, name))"
                )
                db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", rows)
                db.commit()

    def _rows(self, db: sqlite3.Connection, wanted: list[str]) -> Iterator[tuple[str, Any]]:
        for at in range(0, len(wanted), _CHUNK):
            chunk = [bytes.fromhex(name) for name in wanted[at : at + _CHUNK]]
            marks = ",".join("?" * len(chunk))
            query = f"SELECT name, record FROM records WHERE kind = ? AND name IN ({marks})"  # noqa: S608
            for name, record in db.execute(query, [self.kind, *chunk]):
                try:
                    found = orjson.loads(record)
                except orjson.JSONDecodeError:
                    continue
                yield name.hex(), found

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(str(self.path), timeout=_BUSY_S)) as db:
            # no fsync: a cache damaged by a power cut is noticed, thrown away and filled again
            db.execute("PRAGMA synchronous=OFF")
            yield db

    @contextmanager
    def _survived(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "no such table" not in str(error):  # only created: another process is about to fill it
                log.warning("blob cache %s could not be %s: %s", self.path, verb, error)
        except (sqlite3.Error, OSError) as error:
            log.warning("blob cache %s could not be %s and is dropped: %s", self.path, verb, error)
            self._drop()

    def _drop(self) -> None:
        with suppress(OSError):
            if self.path is not None:
                self.path.unlink()
