"""Directories of an attempt, removed whatever was done in them."""

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
        if remove_tree(scratch):
            return
        time.sleep(_REMOVAL_WAIT_S)
    log.warning("%s cannot be removed", scratch)
