"""job.json beside Hydra's files of a job: how it ended, for the process that launched it and for a report."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune import slurm
from contexttune.errors import ExitCode
from contexttune.store import read_json, write_json

_POLL_S = 1.0
_WORDS = {
    ExitCode.DONE: "done",
    ExitCode.MISSING_UNITS: "some results are missing",
    ExitCode.BUDGET: "stopped by a budget",
    ExitCode.INTERRUPTED: "it was interrupted",
}


@dataclass
class Note:
    """How a job ended."""

    code: ExitCode = ExitCode.INTERRUPTED
    error: str | None = None


def read(job_dir: Path) -> dict[str, Any] | None:
    """A job's note; None before it has begun. Without `exit_code` it has not ended, or ended without a word."""
    found: dict[str, Any] | None = read_json(job_dir / "job.json")
    return found


def words(note: Mapping[str, Any]) -> str:
    """How a job ended, for a person; an empty note is that of one that has none."""
    if "exit_code" not in note:
        job = f" (Slurm job {note['slurm_job_id']})" if note.get("slurm_job_id") else ""
        return f"it was killed on {note['host']}{job}" if note else "it never began"
    if note["error"]:
        return str(note["error"])
    return _WORDS.get(ExitCode(note["exit_code"]), f"exit code {note['exit_code']}")


@contextmanager
def kept(job_dir: Path) -> Iterator[Note]:
    """Write that the job has begun, and at the end how."""
    begun = {"host": socket.gethostname(), "pid": os.getpid(), "started_s": round(time.time(), 3)}
    begun["slurm_job_id"] = slurm.array_task() or os.environ.get("SLURM_JOB_ID")
    write_json(job_dir / "job.json", begun)
    note = Note()
    try:
        yield note
    finally:
        ended = {"exit_code": int(note.code), "error": note.error, "ended_s": round(time.time(), 3)}
        write_json(job_dir / "job.json", begun | ended)


@contextmanager
def slot(sweep_dir: Path, n_slots: int | None) -> Iterator[None]:
    """One of the places that the jobs of a sweep on one machine share; waits until one is free. None: no limit."""
    if n_slots is None or "SLURM_JOB_ID" in os.environ:  # Slurm has array_parallelism, and a queue
        yield
        return
    from filelock import FileLock, Timeout

    while True:
        for number in range(n_slots):
            lock = FileLock(sweep_dir / f".slot{number}.lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            try:
                yield
            finally:
                lock.release()
            return
        time.sleep(_POLL_S)
