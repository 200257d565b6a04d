"""Identity of a process: unique across machines, and across processes that reuse its pid."""

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
    """A process, as other processes read it from a file."""

    host: str
    place: str  # boot and PID namespace in which `pid` is valid
    pid: int
    started: str  # start time in clock ticks since boot
    slurm_job: str | None
    since: str

    @classmethod
    def here(cls) -> Process:
        """The calling process."""
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
        """Whether it runs; None if that is unknown because it is on another machine."""
        if self.place != _place():
            return None
        return bool(self.started) and _started(self.pid) == self.started

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat from the third one on: state, parent, ... Raises OSError for an unknown pid."""
    # the second field is a name in parentheses, and may contain spaces and parentheses
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()


def _place() -> str:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"


def _started(pid: int) -> str:
    """The start time of a process; "" if it does not exist or is a zombie."""
    try:
        state, *fields = stat_fields(pid)
    except OSError:
        return ""
    return "" if state in _DEAD else fields[18]
