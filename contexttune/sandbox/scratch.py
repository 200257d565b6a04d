"""Scratch directories of attempts, removable whatever commands did in them."""

from __future__ import annotations

import logging
import stat
import tempfile
import time
from pathlib import Path

from contexttune.system.files import fingerprint
from contexttune.system.remove_tree import remove_tree

log = logging.getLogger(__name__)

_REMOVALS = 20
_REMOVAL_WAIT_S = 0.1


def prefix(label: str) -> str:
    """The prefix of names that belong to the run with this label."""
    return f"contexttune-{fingerprint(label)}-"


def new(label: str) -> Path:
    """Create a directory for the run with this label."""
    return Path(tempfile.mkdtemp(prefix=prefix(label)))


def named(label: str, name: str) -> Path:
    """Create a directory whose path is the same each time, if it is free."""
    path = Path(tempfile.gettempdir()) / f"{prefix(label)}{fingerprint(name)}"
    try:
        path.mkdir(mode=stat.S_IRWXU)
    except FileExistsError:  # the directory could not be removed, or is another user's
        return Path(tempfile.mkdtemp(prefix=f"{path.name}-"))
    return path


def sweep(label: str) -> None:
    """Remove the directories that a killed process of this label left."""
    for scratch in Path(tempfile.gettempdir()).glob(f"{prefix(label)}*"):
        remove(scratch)


def remove(scratch: Path) -> None:
    """Remove a directory, with retries: processes of the last command may still write to it."""
    for _ in range(_REMOVALS):
        if remove_tree(scratch):
            return
        time.sleep(_REMOVAL_WAIT_S)
    log.warning("%s cannot be removed", scratch)
