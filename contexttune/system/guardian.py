"""Run a command, and end it with all its descendants on a signal or when the job has ended.

`python -m contexttune.system.guardian JOB_PID COMMAND...` stands between a job and a model server. The kernel can
kill a child together with its parent thread, but not the child's own children.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType

from contexttune.system import subprocesses
from contexttune.system.process_id import stat_fields

GRACE_S = 10.0  # time for the command to end after SIGTERM
KILL_S = 10.0  # time for the kernel to end a killed process, which a driver may delay
STOPPED = 128 + signal.SIGTERM
_POLL_S = 0.1


def main(job: int, command: list[str]) -> int:
    """Return the command's exit status, like a shell; STOPPED when this process ended it."""
    signals: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        signals.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, note)
    # A batch system announces the end of a job by one of these, which would kill the server, too, while running
    # instances still need it. The command inherits the setting.
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    subprocesses.adopt_orphans()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=subprocesses.dies_with_parent())
    status = None
    while status is None and not signals and os.getppid() == job:
        time.sleep(_POLL_S)
        status = _reap(process)
    status = _reap(process) if status is None else status
    _end_family()
    process.returncode = 0  # was reaped above, and not by the object itself
    return STOPPED if status is None else status


def _reap(process: subprocess.Popen[bytes] | None) -> int | None:
    """Reap ended children, adopted ones too, and return the exit status of `process` if it is among them."""
    found = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if process and ended[0] == process.pid:
                code = os.waitstatus_to_exitcode(ended[1])
                found = code if code >= 0 else 128 - code
    return found


def _end_family() -> None:
    """Send SIGTERM to every descendant, and SIGKILL to those left after `GRACE_S`."""
    began, number = time.monotonic(), signal.SIGTERM
    for pid in _descendants():
        _send(pid, number)
    while any(True for _ in _descendants()):
        waited_s = time.monotonic() - began
        if waited_s > GRACE_S + KILL_S:
            return
        if waited_s > GRACE_S:
            for pid in _descendants():
                _send(pid, signal.SIGKILL)
        time.sleep(_POLL_S)
        _reap(None)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _descendants() -> Iterator[int]:
    """The pids of all descendants, zombies included. This process adopts those that lose their parent."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int(stat_fields(int(folder.name))[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = [os.getpid()]
    for pid in found:  # the list grows in the loop
        found += children.get(pid, [])
    yield from found[1:]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
