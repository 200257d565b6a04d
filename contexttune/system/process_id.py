"""A process by what tells it from every other: here, on another machine, and from a later one of its number."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contexttune.system.slurm_job import job_name

_DEAD = "ZX"


@dataclass(frozen=True, kw_only=True)
class Process:
    """Where a process is, as another one may read it from a file."""

    host: str
    place: str  # boot and process namespace: where `pid` means something
    pid: int
    started: str  # in the kernel's ticks
    slurm_job: str | None
    since: str

    @classmethod
    def here(cls) -> Process:
        """The process that asks."""
        return cls(
            host=socket.gethostname(),
            place=_place(),
            pid=os.getpid(),
            started=_started(os.getpid()),
            slurm_job=job_name(),
            since=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        )

    def __str__(self) -> str:
        job = f", Slurm job {self.slurm_job}" if self.slurm_job else ""
        return f"process {self.pid} on {self.host}{job}, since {self.since}"

    @property
    def is_running(self) -> bool | None:
        """Whether it is there; None when it is another machine's, which cannot be asked."""
        if self.place != _place():
            return None
        return bool(self.started) and _started(self.pid) == self.started

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def stat_fields(pid: int) -> list[str]:
    """/proc/<pid>/stat from its third field on: state, parent, ... Raises OSError when there is no such process."""
    # the second, a name in parentheses, may itself hold spaces and parentheses
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str:
    """When it was started; "" when there is no such process, or only its remains."""
    try:
        state, *fields = stat_fields(pid)
    except OSError:
        return ""
    return "" if state in _DEAD else fields[18]
