"""One process at a time on a run, on one machine or on many that share a disk.

The kernel's file locks are not to be had on every shared file system, and know no names. This one is a file,
linked into place whole, that says who holds it; its holder touches it every few seconds, so that one that was
killed is told from one that works.
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
LIFETIME_S = 90.0  # without a heartbeat, after which a holder on another machine is taken for dead
_POLL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Holder:
    """Who holds a lock."""

    token: str
    process: Process


@contextmanager
def sole_worker(
    path: Path, *, lifetime_s: float = LIFETIME_S, heartbeat_s: float = HEARTBEAT_S
) -> Iterator[None]:
    """Hold the lock at `path`; a lock whose holder is dead is taken over.

    Raises PreflightError that names the holder when it is alive. Whether it is can take `lifetime_s` to see when it
    is, or was, on another machine.
    """
    lock = _Lock(path, lifetime_s)
    lock.acquire()
    over = threading.Event()
    beat = threading.Thread(target=lock.beat, args=(over, heartbeat_s), name="run-lock", daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set()
        lock.release()


def holder_of(path: Path, *, lifetime_s: float = LIFETIME_S) -> Process | None:
    """The living holder of the lock at `path`, by this machine's clock; None when nobody holds it."""
    holder, heard_at = _read(path), _mtime(path)
    if holder is None or heard_at is None:
        return None
    running = holder.process.is_running
    alive = time.time() - heard_at < lifetime_s if running is None else running
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
                self._take_over_from_the_dead()
        except BaseException:
            self._claim.unlink(missing_ok=True)
            raise

    def release(self) -> None:
        if self._is_ours():
            self.path.unlink(missing_ok=True)
        self._claim.unlink(missing_ok=True)

    def beat(self, over: threading.Event, every_s: float) -> None:
        """Touch the lock until `over`; interrupt this program when another has taken it."""
        while not over.wait(every_s):
            with suppress(OSError):  # a disk that is away for a moment; the next beat may reach it
                if self._is_lost() and not over.is_set():
                    log.error(
                        "this process stood still so long that another took over its run (%s)", self.path
                    )
                    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job
                        os._exit(ExitCode.INTERRUPTED)
                    os.kill(os.getpid(), signal.SIGINT)
                    return

    def _is_lost(self) -> bool:
        """Whether another has taken the lock; touches it if not. Who takes over removes the claim of the dead, too."""
        taker = _read(self.path)
        if (taker and taker.token != self.holder.token) or not self._claim.exists():
            return True
        os.utime(self._claim)  # without a time of ours: the disk's own clock is the one all share
        return False

    def _link(self) -> bool:
        with suppress(FileExistsError):
            os.link(self._claim, self.path)
        # asked of the file itself: over a network, a link that was made may be reported as failed
        return self._is_ours()

    def _is_ours(self) -> bool:
        found = _read(self.path)
        return found is not None and found.token == self.holder.token

    def _take_over_from_the_dead(self) -> None:
        """Remove a lock whose holder is dead. Raises PreflightError when it is alive."""
        found = _read(self.path)
        heard_at = _mtime(self.path)
        while heard_at is not None and self._might_live(found, heard_at):
            now_at = _mtime(self.path)
            if (now_at is not None and now_at != heard_at) or (found and found.process.is_running):
                if _read(self.path) != found:
                    return  # it has changed hands meanwhile
                who = str(found.process) if found else "another process"
                raise PreflightError(f"{who}, is at work on this run ({self.path}): wait for it, or stop it")
            time.sleep(_POLL_S)
        self._remove(found)

    def _might_live(self, holder: Holder | None, heard_at: float) -> bool:
        running = holder.process.is_running if holder else None
        if running is not None:
            return running
        silent_s = self._now() - heard_at
        if not self._waited and silent_s <= self._lifetime_s:
            self._waited = True
            log.info(
                "%s, was at work on this run: waiting until it is heard, or silent for %.0f s",
                holder.process if holder else "another process",
                self._lifetime_s,
            )
        return silent_s <= self._lifetime_s

    def _remove(self, judged: Holder | None) -> None:
        """Move the lock away, and look whether it was the judged one: another may have been faster."""
        grave = self._aside(f"{self.holder.token}.dead")
        with suppress(FileNotFoundError):
            self.path.rename(grave)
            buried = _read(grave)
            if (buried and buried.token) != (judged and judged.token):
                with suppress(FileExistsError):
                    os.link(grave, self.path)
            elif judged:
                log.warning("taking over from %s, which is gone", judged.process)
                self._aside(judged.token).unlink(missing_ok=True)
            grave.unlink()

    def _now(self) -> float:
        """By the disk's clock, which wrote the heartbeats."""
        os.utime(self._claim)
        return self._claim.stat().st_mtime

    def _aside(self, suffix: str) -> Path:
        return self.path.with_name(f".{self.path.name}.{suffix}")


def _read(path: Path) -> Holder | None:
    try:
        found: Any = read_json(path)
        return Holder(token=found["token"], process=Process(**found["process"]))
    except (OSError, ValueError, TypeError, KeyError):  # none, or of another version
        return None


def _mtime(path: Path) -> float | None:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return None
