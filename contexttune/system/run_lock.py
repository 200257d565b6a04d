"""A lock that lets one process at a time work on a run, on one machine or on several that share a disk.

Not every shared file system has kernel locks, and those do not name their holder. This lock is a file, hard-linked into
place, that describes its holder. The holder touches it every few seconds, so that others can tell whether it is alive.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contexttune.errors import ExitCode, PreflightError
from contexttune.system.files import dump_json, read_json
from contexttune.system.process_id import Process

log = logging.getLogger(__name__)

HEARTBEAT_S = 10.0
LIFETIME_S = 90.0  # a holder on another machine without a heartbeat for so long is dead
_POLL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Holder:
    """The content of a lock."""

    token: str
    process: Process


@contextmanager
def sole_worker(
    path: Path, *, lifetime_s: float = LIFETIME_S, heartbeat_s: float = HEARTBEAT_S
) -> Iterator[None]:
    """Hold the lock at `path`, taking it over from a dead holder.

    Raises PreflightError, naming the holder, when it is alive. For a holder on another machine it can take `lifetime_s`
    to find out.
    """
    lock = _Lock(path, lifetime_s)
    lock.acquire()
    released = threading.Event()
    beat = threading.Thread(target=lock.beat, args=(released, heartbeat_s), name="run-lock", daemon=True)
    beat.start()
    try:
        yield
    finally:
        released.set()
        lock.release()


def holder_of(path: Path, *, lifetime_s: float = LIFETIME_S) -> Process | None:
    """The process that holds the lock at `path`; None when it is free or its holder is dead by this machine's clock."""
    holder, beat_at = _read(path), _mtime(path)
    if holder is None or beat_at is None:
        return None
    running = holder.process.is_running
    alive = time.time() - beat_at < lifetime_s if running is None else running
    return holder.process if alive else None


class _Lock:
    def __init__(self, path: Path, lifetime_s: float) -> None:
        self.path, self._lifetime_s = path, lifetime_s
        self.holder = Holder(token=uuid.uuid4().hex, process=Process.here())
        self._waited = False
        self._claim = self._aside(self.holder.token)

    def acquire(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._claim.write_text(dump_json(asdict(self.holder)), encoding="utf-8")
        try:
            while not self._link():
                self._remove_if_dead()
        except BaseException:
            self._claim.unlink(missing_ok=True)
            raise

    def release(self) -> None:
        if self._is_ours():
            self.path.unlink(missing_ok=True)
        self._claim.unlink(missing_ok=True)

    def beat(self, released: threading.Event, every_s: float) -> None:
        """Touch the lock until `released`; interrupt this program if another process has taken it over."""
        while not released.wait(every_s):
            with suppress(OSError):  # the disk may be unavailable for a moment
                if self._is_lost() and not released.is_set():
                    log.error(
                        "this process was suspended so long that another took over its run (%s)", self.path
                    )
                    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job
                        os._exit(ExitCode.INTERRUPTED)
                    os.kill(os.getpid(), signal.SIGINT)
                    return

    def _is_lost(self) -> bool:
        """Whether another process has taken the lock (which also removes the claim); touches it if not."""
        taker = _read(self.path)
        if (taker and taker.token != self.holder.token) or not self._claim.exists():
            return True
        os.utime(self._claim)  # sets the time by the disk's clock, which all machines share
        return False

    def _link(self) -> bool:
        with suppress(FileExistsError):
            os.link(self._claim, self.path)
        # on network file systems, a link that was made can be reported as failed
        return self._is_ours()

    def _is_ours(self) -> bool:
        found = _read(self.path)
        return found is not None and found.token == self.holder.token

    def _remove_if_dead(self) -> None:
        """Remove a lock whose holder is dead. Raises PreflightError when it is alive."""
        found = _read(self.path)
        who = str(found.process) if found else "another process"
        beat_at = _mtime(self.path)
        while beat_at is not None and self._may_be_alive(found, who, beat_at):
            now_at = _mtime(self.path)
            if (now_at is not None and now_at != beat_at) or (found and found.process.is_running):
                if _read(self.path) != found:
                    return  # another process has taken it over meanwhile
                raise PreflightError(f"{who}, is working on this run ({self.path}): wait for it, or stop it")
            time.sleep(_POLL_S)
        self._remove(found)

    def _may_be_alive(self, holder: Holder | None, who: str, beat_at: float) -> bool:
        running = holder.process.is_running if holder else None
        if running is not None:
            return running
        silent_s = self._now() - beat_at
        if not self._waited and silent_s <= self._lifetime_s:
            self._waited = True
            message = "%s, was working on this run: waiting up to %.0f s for its heartbeat"
            log.info(message, who, self._lifetime_s)
        return silent_s <= self._lifetime_s

    def _remove(self, dead: Holder | None) -> None:
        """Move the lock of `dead` away; put it back if another process has taken it over meanwhile."""
        moved = self._aside(f"{self.holder.token}.dead")
        with suppress(FileNotFoundError):
            self.path.rename(moved)
            found = _read(moved)
            if (found and found.token) != (dead and dead.token):
                with suppress(FileExistsError):
                    os.link(moved, self.path)
            elif dead:
                log.warning("taking over from %s, which is gone", dead.process)
                self._aside(dead.token).unlink(missing_ok=True)
            moved.unlink()

    def _now(self) -> float:
        """The time by the disk's clock, like that of heartbeats."""
        os.utime(self._claim)
        return self._claim.stat().st_mtime

    def _aside(self, suffix: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{suffix}")


def _read(path: Path) -> Holder | None:
    try:
        found: Any = read_json(path)
        return Holder(token=found["token"], process=Process(**found["process"]))
    except (OSError, ValueError, TypeError, KeyError):  # absent, or written by another version
        return None


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
