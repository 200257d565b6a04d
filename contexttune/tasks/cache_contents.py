"""Content of the cache, and what can be deleted from it. Everything in it can be rebuilt; none of it is a result."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contexttune.paths import Layout
from contexttune.signals.cache import pruning
from contexttune.system.files import locked

_DAY_S = 86_400.0
_TEMPORARY_DAYS = 1.0  # write_atomic renames its temporary files within seconds


@dataclass(frozen=True, kw_only=True)
class Deletable:
    """An item of the cache that is not needed, and the reason."""

    reason: str
    path: Path
    n_bytes: int
    delete: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Section:
    """One kind of content of the cache: `n` items of `n_bytes` in all."""

    name: str
    n: int
    n_bytes: int
    deletable: Sequence[Deletable] = ()


def sections(layout: Layout, *, limit_bytes: int) -> list[Section]:
    """Everything in the cache. Raises ArtifactError if something cannot be read."""
    cache, known = layout.cache, {"mirrors", "blobs"}
    others = sorted(path for path in cache.glob("*") if path.name not in known)
    return [
        _mirrors(cache / "mirrors"),
        _file_records(layout.blob_cache, limit_bytes),
        *(Section(name=path.name, n=_n_files(path), n_bytes=size(path)) for path in others),
        _temporary_files([cache, layout.artifacts / "signals", layout.artifacts / "contexts"]),
    ]


def size(path: Path) -> int:
    """Bytes of a file, or of all files below a directory. Links are not followed."""
    total = 0
    for each in (path, *path.rglob("*")) if path.is_dir() and not path.is_symlink() else (path,):
        with suppress(OSError):
            total += each.lstat().st_size if not each.is_dir() else 0
    return total


def _n_files(path: Path) -> int:
    return sum(1 for each in path.rglob("*") if each.is_file()) if path.is_dir() else 1


def _mirrors(home: Path) -> Section:
    """Complete mirrors stay: cloning one again takes longer than anything else. Partial ones are deletable."""
    partial_mirrors = [path for path in home.glob(".*.git.*") if not _is_locked(_lock_of(path))]
    deletable = [_deletable(path, "partial mirror of a killed process") for path in sorted(partial_mirrors)]
    n = sum(1 for _ in home.glob("[!.]*.git"))
    return Section(name="mirrors", n=n, n_bytes=size(home), deletable=deletable)


def _lock_of(partial_mirror: Path) -> Path:
    mirror = partial_mirror.name.removeprefix(".").rpartition(".")[0]
    return partial_mirror.with_name(mirror).with_suffix(".lock")


def _is_locked(lock: Path) -> bool:
    from filelock import Timeout

    if not lock.exists():
        return False
    try:
        with locked(lock, timeout_s=0):
            return False
    except Timeout:
        return True


def _file_records(cache: Path, limit_bytes: int) -> Section:
    home, n, deletable = cache.parent, 0, []
    if cache.exists():
        n, n_bytes = pruning.n_rows(cache), pruning.surplus_bytes(cache, limit_bytes)
        reason = f"records of older versions, and those beyond {limit_bytes / 1e9:g} GB"
        if n_bytes:
            prune = partial(pruning.prune, cache, limit_bytes)
            deletable.append(Deletable(reason=reason, path=cache, n_bytes=n_bytes, delete=prune))
    deletable += [_deletable(path, "written by an older version") for path in pruning.old_files(home)]
    return Section(name="file records", n=n, n_bytes=size(home), deletable=deletable)


def _temporary_files(homes: Iterable[Path]) -> Section:
    found = sorted(path for home in homes for path in _abandoned(home))
    deletable = [_deletable(path, "partial file of a killed process") for path in found]
    n_bytes = sum(item.n_bytes for item in deletable)
    return Section(name="partial files", n=len(found), n_bytes=n_bytes, deletable=deletable)


def _abandoned(home: Path) -> Iterator[Path]:
    """Old temporary files of `files.write_atomic`, outside mirrors, which are git's."""
    for folder in (home, *home.glob("*/")):
        if folder.name == "mirrors":
            continue
        for path in folder.glob(".*.????????") if folder == home else folder.rglob(".*.????????"):
            old = time.time() - path.lstat().st_mtime >= _TEMPORARY_DAYS * _DAY_S
            if old and path.is_file() and not path.is_symlink():
                yield path


def _deletable(path: Path, reason: str, delete: Callable[[], None] | None = None) -> Deletable:
    return Deletable(reason=reason, path=path, n_bytes=size(path), delete=delete or partial(_delete, path))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
