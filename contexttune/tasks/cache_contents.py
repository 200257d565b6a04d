"""What lies in the cache, and what of it nobody needs. Nothing of it is a result: all can be made again."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from contexttune.paths import Layout
from contexttune.repos.git import git
from contexttune.signals.cache import pruning
from contexttune.system.files import locked

_DAY_S = 86_400.0
_ASIDE_DAYS = 1.0  # a file that is written aside is renamed within seconds


@dataclass(frozen=True, kw_only=True)
class Surplus:
    """Something that can go."""

    what: str
    path: Path
    n_bytes: int
    delete: Callable[[], None]


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One kind of things in the cache."""

    what: str
    where: Path
    n: int
    n_bytes: int
    surplus: Sequence[Surplus] = ()


def holdings(layout: Layout, *, limit_bytes: int, unused_days: float) -> list[Holding]:
    """All that there is, largest kinds of things first as they are used. Raises ArtifactError for what cannot be read."""
    cache, known = layout.cache, {"mirrors", "worktrees", "blobs"}
    others = sorted(path for path in cache.glob("*") if path.name not in known)
    return [
        _mirrors(cache / "mirrors"),
        _worktrees(layout, unused_days),
        _records(layout.blob_cache, limit_bytes),
        *(Holding(what=path.name, where=path, n=_n_files(path), n_bytes=size(path)) for path in others),
        _asides([cache, layout.artifacts / "signals", layout.artifacts / "contexts"]),
    ]


def size(path: Path) -> int:
    """Bytes of a file, or of all below a directory; links are not followed."""
    total = 0
    for one in (path, *path.rglob("*")) if path.is_dir() and not path.is_symlink() else (path,):
        with suppress(OSError):
            total += one.lstat().st_size if not one.is_dir() else 0
    return total


def _n_files(path: Path) -> int:
    return sum(1 for one in path.rglob("*") if one.is_file()) if path.is_dir() else 1


def _mirrors(home: Path) -> Holding:
    """Mirrors stay: fetching one again takes longer than anything else. Half of one is of no use."""
    halves = [path for path in home.glob(".*.git.*") if not _is_held(_lock_of(path))]
    surplus = [_gone(path, "half a mirror, from a process that was killed") for path in sorted(halves)]
    n = sum(1 for _ in home.glob("[!.]*.git"))
    return Holding(what="mirrors", where=home, n=n, n_bytes=size(home), surplus=surplus)


def _lock_of(half: Path) -> Path:
    mirror = half.name.removeprefix(".").rpartition(".")[0]
    return half.with_name(mirror).with_suffix(".lock")


def _is_held(lock: Path) -> bool:
    from filelock import Timeout

    if not lock.exists():
        return False
    try:
        with locked(lock, timeout_s=0):
            return False
    except Timeout:
        return True


def _worktrees(layout: Layout, unused_days: float) -> Holding:
    home = layout.cache / "worktrees"
    trees = sorted(path for path in home.glob("*/*/") if not path.is_symlink())
    old = [path for path in trees if _unused_days(path) >= unused_days]
    words = f"a checkout not asked for in {unused_days:g} days"
    surplus = [
        Surplus(what=words, path=path, n_bytes=size(path), delete=partial(_remove_worktree, layout, path))
        for path in old
    ]
    return Holding(what="worktrees", where=home, n=len(trees), n_bytes=size(home), surplus=surplus)


def _unused_days(worktree: Path) -> float:
    """By the mark beside it, which says when it was asked for; half of one has none, and counts from when it was begun."""
    mark = _mark(worktree)
    last = (mark if mark.exists() else worktree).stat().st_mtime
    return (time.time() - last) / _DAY_S


def _mark(worktree: Path) -> Path:
    return worktree.with_name(f"{worktree.name}.complete")


def _remove_worktree(layout: Layout, path: Path) -> None:
    mirror = layout.cache / "mirrors" / f"{path.parent.name}.git"
    with locked(mirror.with_suffix(".lock")):
        _mark(path).unlink(missing_ok=True)  # first: from now on it is half of one
        shutil.rmtree(path, ignore_errors=True)
        if mirror.is_dir():
            git("--git-dir", mirror, "worktree", "prune")


def _records(cache: Path, limit_bytes: int) -> Holding:
    home, n, surplus = cache.parent, 0, []
    if cache.exists():
        n, n_bytes = pruning.n_rows(cache), pruning.surplus_bytes(cache, limit_bytes)
        words = f"records of older versions, and what is beyond {limit_bytes / 1e9:g} GB"
        if n_bytes:
            shrink = partial(pruning.prune, cache, limit_bytes)
            surplus.append(Surplus(what=words, path=cache, n_bytes=n_bytes, delete=shrink))
    surplus += [_gone(path, "kept by an older version") for path in pruning.old_files(home)]
    return Holding(what="records of files", where=home, n=n, n_bytes=size(home), surplus=surplus)


def _asides(homes: Iterable[Path]) -> Holding:
    found = [path for home in homes for path in _written_aside(home)]
    surplus = [_gone(path, "half a file, from a process that was killed") for path in sorted(found)]
    return Holding(
        what="half files",
        where=Path(),
        n=len(found),
        n_bytes=sum(s.n_bytes for s in surplus),
        surplus=surplus,
    )


def _written_aside(home: Path) -> Iterator[Path]:
    """Files as `store.write_atomic` begins them; not in mirrors and worktrees, which are git's."""
    for folder in (home, *home.glob("*/")):
        if folder.name in ("mirrors", "worktrees"):
            continue
        for path in folder.glob(".*.????????") if folder == home else folder.rglob(".*.????????"):
            old = time.time() - path.lstat().st_mtime >= _ASIDE_DAYS * _DAY_S
            if old and path.is_file() and not path.is_symlink():
                yield path


def _gone(path: Path, what: str) -> Surplus:
    return Surplus(what=what, path=path, n_bytes=size(path), delete=partial(_delete, path))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
