"""Runs a command and ends it, with all that it has started, when it is told to or when the job is gone.

`python -m contexttune.system.guardian JOB_PID COMMAND...`, a process between a job and a server. The kernel can end a
child with its parent, but neither the child's own children nor one whose starting thread has merely ended.
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

GRACE_S = 10.0  # what the command may take to end by itself
KILL_S = 10.0  # what the kernel may take to end what was killed: a driver can hold a process
TOLD = 128 + signal.SIGTERM
_POLL_S = 0.1


def main(job: int, command: list[str]) -> int:
    """Returns the command's exit status, as a shell gives it; `TOLD` when it was made to stop."""
    told: list[int] = []

    def tell(number: int, frame: FrameType | None) -> None:
        told.append(number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, tell)
    # A batch system announces the end of a job by one of these, to all its processes; unless ignored it kills.
    # The command inherits that: the instances under way still need it.
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    subprocesses.adopt_orphans()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=subprocesses.dies_with_parent())
    status = None
    while status is None and not told and os.getppid() == job:
        time.sleep(_POLL_S)
        status = _reap(process)
    status = _reap(process) if status is None else status
    _end_family()
    process.returncode = 0  # reaped here, and not by its own object
    return TOLD if status is None else status


def _reap(process: subprocess.Popen[bytes] | None) -> int | None:
    """Bury the dead, adopted ones too; the exit status of `process` when it is among them."""
    found = None
    with suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if process and ended[0] == process.pid:
                code = os.waitstatus_to_exitcode(ended[1])
                found = code if code >= 0 else 128 - code
    return found


def _end_family() -> None:
    """SIGTERM to every descendant, and SIGKILL to those that are there `GRACE_S` later."""
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
    """At any depth, the dead and not yet buried among them.

    None can leave: whoever loses its parent becomes a child of this process.
    """
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            parent = int(stat_fields(int(folder.name))[1])
            children.setdefault(parent, []).append(int(folder.name))
    found = [os.getpid()]
    for pid in found:  # grows meanwhile
        found += children.get(pid, [])
    yield from found[1:]


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
