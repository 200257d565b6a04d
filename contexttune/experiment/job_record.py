"""job.json in a Hydra job's directory: how the job ended, for its launcher and for reports."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.errors import ExitCode
from contexttune.system.files import read_json, write_json
from contexttune.system.process_id import Process

_ENDINGS = {
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
    """The record of a job; None before it has begun. Without `exit_code` it is running or was killed."""
    found: dict[str, Any] | None = read_json(job_dir / "job.json")
    return found


def words(note: Mapping[str, Any]) -> str:
    """How a job ended, in words; `note` is {} for a job without a record."""
    if "exit_code" not in note:
        return f"it was killed: {process_of(note)}" if note else "it never began"
    if note["error"]:
        return str(note["error"])
    return _ENDINGS.get(ExitCode(note["exit_code"]), f"exit code {note['exit_code']}")


def process_of(note: Mapping[str, Any]) -> Process:
    """The process of a job."""
    return Process(**note["process"])


@contextmanager
def kept(job_dir: Path) -> Iterator[Note]:
    """Record that the job has begun and, at the end, how it ended."""
    begun = {"process": Process.here().as_json(), "started_s": round(time.time(), 3)}
    write_json(job_dir / "job.json", begun)
    note = Note()
    try:
        yield note
    finally:
        ended = {"exit_code": int(note.code), "error": note.error, "ended_s": round(time.time(), 3)}
        write_json(job_dir / "job.json", begun | ended)
