"""Find and delete cache entries of older versions and those beyond the size limit."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from contexttune.errors import ArtifactError
from contexttune.signals.cache.blob_cache import evict, used_bytes


def old_kinds(newest: Mapping[str, float]) -> list[str]:
    """All kinds (NAME-VERSION) but the last written one of each name. `newest` is kind -> time of its last write."""
    by_name: dict[str, list[str]] = defaultdict(list)
    for kind in sorted(newest, key=lambda kind: newest[kind]):
        by_name[kind.partition("-")[0]].append(kind)
    return sorted(kind for kinds in by_name.values() for kind in kinds[:-1])


def old_files(home: Path) -> list[Path]:
    """Files beside the cache that older versions wrote and that nothing reads any more."""
    found = {*home.glob("records.*"), *home.glob("*__*"), *home.glob("*__*/*")}
    return sorted(path for path in found if path.is_file() and not path.name.startswith("facts."))


def n_rows(path: Path) -> int:
    """Number of entries. Raises ArtifactError when the file cannot be read."""
    with _opened(path) as db:
        return int(db.execute("SELECT count(*) FROM kept").fetchone()[0])


def surplus_bytes(path: Path, limit_bytes: int) -> int:
    """Roughly how much `prune` would free. Raises ArtifactError when the file cannot be read."""
    with _opened(path) as db:
        old = _in_old_kinds(db)
        freed = _n_bytes(db, old)
        return freed + max(used_bytes(db) - freed - limit_bytes, 0)


def prune(path: Path, limit_bytes: int) -> None:
    """Delete entries of older versions, then the least recently used ones beyond the limit, and shrink the file.

    Raises ArtifactError when the file cannot be written.
    """
    with _opened(path) as db:
        for kind in _in_old_kinds(db):
            db.execute("DELETE FROM kept WHERE kind = ?", [kind])
        evict(db, limit_bytes)
        db.commit()
        db.execute("VACUUM")


def _in_old_kinds(db: sqlite3.Connection) -> list[str]:
    """Old kinds, judged by the number of each kind's last row: rows are numbered in the order of writing."""
    return old_kinds(dict(db.execute("SELECT kind, max(rowid) FROM kept GROUP BY kind")))


def _n_bytes(db: sqlite3.Connection, kinds: Iterable[str]) -> int:
    query = "SELECT total(length(facts)) FROM kept WHERE kind = ?"
    return sum(int(db.execute(query, [kind]).fetchone()[0]) for kind in kinds)


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as db:
            db.execute("PRAGMA synchronous=OFF")
            yield db
    except sqlite3.Error as error:
        raise ArtifactError(f"{path}: {error}; when no run uses it, it can be deleted") from None
