"""Who analyses a repository's files at the moment, so that processes on neighbouring commits do not all do the same."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contexttune.repos.git import Tree
from contexttune.signals.cache.last_commit import home_of

log = logging.getLogger(__name__)

_POLL_S = 0.01
_PATIENCE_S = 60.0  # then the work is done twice rather than not at all


@contextmanager
def claimed(tree: Tree) -> Iterator[None]:
    """Hold the claim to a repository's files once whoever has it is done, or after a minute, or where nothing locks at once.

    The system takes it from a process that dies.
    """
    home = home_of(tree)
    handle = None if home is None else _opened(home / "claim")
    try:
        if handle is not None:
            _wait(handle)
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _opened(path: Path) -> int | None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        log.debug("no claim at %s: %s", path, error)
        return None


def _wait(handle: int) -> None:
    until = time.monotonic() + _PATIENCE_S
    while time.monotonic() < until:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_POLL_S)
        except OSError as error:
            log.debug("no claim: %s", error)
            return
        else:
            return
