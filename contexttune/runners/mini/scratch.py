"""Directories of an attempt, removed whatever was done in them."""

from __future__ import annotations

import logging
import os
import shutil
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from contexttune.store import fingerprint

log = logging.getLogger(__name__)

_REMOVALS = 20
_REMOVAL_WAIT_S = 0.1


def prefix(label: str) -> str:
    """How names begin that belong to a run of that label."""
    return f"contexttune-{fingerprint(label)}-"


def new(label: str) -> Path:
    """A new directory of a run of that label."""
    return Path(tempfile.mkdtemp(prefix=prefix(label)))


def named(label: str, name: str) -> Path:
    """The same, but called alike in every attempt at `name`."""
    path = Path(tempfile.gettempdir()) / f"{prefix(label)}{fingerprint(name)}"
    try:
        path.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:  # one that cannot be removed, or somebody else's
        return Path(tempfile.mkdtemp(prefix=f"{path.name}-"))
    return path


def sweep(label: str) -> None:
    """Remove the directories that a killed process left under this label."""
    for scratch in Path(tempfile.gettempdir()).glob(f"{prefix(label)}*"):
        remove(scratch)


def remove(scratch: Path) -> None:
    """Again while something is left: processes of the last command may still be dying, and make files as they do."""
    for _ in range(_REMOVALS):
        shutil.rmtree(scratch, ignore_errors=True)
        if not scratch.exists():
            return
        _open_up(scratch)
        time.sleep(_REMOVAL_WAIT_S)
    log.warning("%s cannot be removed", scratch)


def _open_up(folder: Path) -> None:
    """Take back the directories that an agent has closed: only root could empty them.

    Never through a path: a process that is still dying may put a link to another place there.
    """
    with suppress(FileNotFoundError):
        for _, names, _, parent in os.fwalk(folder):
            for name in names:
                with suppress(OSError):  # a link to a directory, which is none of ours
                    held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_DIRECTORY, dir_fd=parent)
                    Path(f"/proc/self/fd/{held}").chmod(stat.S_IRWXU)
                    os.close(held)
