"""job.json beside Hydra's files of a job: how it ended, for the process that launched it and for a report."""

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
        return f"it was killed: {process_of(note)}" if note else "it never began"
    if note["error"]:
        return str(note["error"])
    return _WORDS.get(ExitCode(note["exit_code"]), f"exit code {note['exit_code']}")


def process_of(note: Mapping[str, Any]) -> Process:
    """The process that does, or did, the job."""
    return Process(**note["process"])


@contextmanager
def kept(job_dir: Path) -> Iterator[Note]:
    """Write that the job has begun, and at the end how."""
    begun = {"process": Process.here().as_json(), "started_s": round(time.time(), 3)}
    write_json(job_dir / "job.json", begun)
    note = Note()
    try:
        yield note
    finally:
        ended = {"exit_code": int(note.code), "error": note.error, "ended_s": round(time.time(), 3)}
        write_json(job_dir / "job.json", begun | ended)
