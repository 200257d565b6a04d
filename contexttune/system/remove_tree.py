"""Removes what somebody else's commands have made: at any depth, closed directories too, and nothing beside it."""

from __future__ import annotations

import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def remove_tree(root: Path) -> bool:
    """Remove `root` with all that is in it; whether it is gone. Of a link, only the link goes.

    Directories are moved up to the first ones and emptied there: neither their depth nor the length of their path
    matters, and none is reached through a link that a dying process may put in its place.
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
    """Let the owner read, change and enter a directory, by its name in `parent`; never through a link."""
    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
    try:
        Path(f"/proc/self/fd/{held}").chmod(stat.S_IRWXU)
    finally:
        os.close(held)


def _empty(top: int) -> None:
    """All but what cannot be removed."""
    stuck: set[str] = set()
    while names := [name for name in _directories(top) if name not in stuck]:
        for name in names:
            try:
                with _opened(name, top) as inner:
                    for below in _directories(inner):
                        open_up(below, inner)  # who moves a directory must be able to write to it
                        os.rename(below, uuid.uuid4().hex, src_dir_fd=inner, dst_dir_fd=top)
                os.rmdir(name, dir_fd=top)
            except OSError:
                stuck.add(name)


def _directories(folder: int) -> list[str]:
    """Names of the directories in `folder`; all else in it is unlinked."""
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
    held = os.open(name, _OPEN, dir_fd=parent)
    try:
        yield held
    finally:
        os.close(held)
