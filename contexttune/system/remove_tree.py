"""Removes a directory tree that untrusted commands have made, at any depth and whatever its permissions."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(root: Path) -> bool:
    """Remove `root` and everything in it; returns whether it is gone. Links are removed, not followed.

    Nested directories are moved to the top and emptied there, so that neither depth nor path length matters, and
    a dying process cannot put a link in the place of one.
    """
    with suppress(OSError):
        if stat.S_ISDIR(root.lstat().st_mode):
            with _opened(root) as top:
                _empty(top)
            root.rmdir()
        else:
            root.unlink()
    return not os.path.lexists(root)


def open_up(name: str | Path, parent: int | None = None) -> None:
    """Give the owner all permissions on the directory `name` in `parent`. Never follows a link."""
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
    try:
        Path(f"/proc/self/fd/{handle}").chmod(stat.S_IRWXU)
    finally:
        os.close(handle)


def _empty(top: int) -> None:
    """Remove the content of a directory, except what cannot be removed."""
    stuck: set[str] = set()
    while names := [name for name in _directories(top) if name not in stuck]:
        for name in names:
            try:
                with _opened(name, top) as inner:
                    for below in _directories(inner):
                        open_up(below, inner)  # moving a directory needs write permission on it
                        os.rename(below, uuid.uuid4().hex, src_dir_fd=inner, dst_dir_fd=top)
                os.rmdir(name, dir_fd=top)
            except OSError:
                stuck.add(name)


def _directories(folder: int) -> list[str]:
    """Names of the directories in `folder`. Unlinks everything else in it."""
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        if not entry.is_dir(follow_symlinks=False):
            with suppress(OSError):
                os.unlink(entry.name, dir_fd=folder)
    return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


@contextmanager
def _opened(name: str | Path, parent: int | None = None) -> Iterator[int]:
    open_up(name, parent)
    handle = os.open(name, _OPEN, dir_fd=parent)
    try:
        yield handle
    finally:
        os.close(handle)
