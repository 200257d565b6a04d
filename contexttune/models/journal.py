"""The call journal of an instance: each answer is on disk before it is used, so none is ever paid for twice.

`calls.jsonl` has one line per answered call, in the order of the answers. A line with number n is the n-th call of its
attempt and replaces all earlier lines numbered n or higher, because there the attempt asked something else. Replaced
lines stay in the file: they were paid for.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from contexttune.errors import ArtifactError, InfraError
from contexttune.models.wire import add_usage, usage_in
from contexttune.system.files import read_jsonl
from contexttune.types import Usage

CALLS = "calls.jsonl"
_SCHEMA_VERSION = 1
_LOCK_TIMEOUT_S = 15.0  # a worker whose program was killed ends within seconds
_POLL_S = 0.1
_MIN_FREE_BYTES = 16_000_000  # room for the answers of all attempts in progress

Line = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Paid:
    """Usage of an instance's calls, whether or not their answers were used."""

    n_calls: int
    usage: Usage


def paid(path: Path) -> Paid | None:
    """The total of a journal; None when there is none. Raises ArtifactError."""
    if not path.exists():
        return None
    answers = [line["response"] for line in read_calls(path) if line["response"] is not None]
    usage = Usage(prompt_tokens=0, completion_tokens=0)
    for answer in answers:
        usage = add_usage(usage, usage_in(answer))
    return Paid(n_calls=len(answers), usage=usage)


def read_calls(path: Path) -> list[Line]:
    """All lines, including replaced ones. Raises ArtifactError when a line is not a call."""
    try:
        lines = read_jsonl(path)
    except ValueError:
        raise ArtifactError(f"{path} is damaged: move it away to repeat its calls") from None
    for line in lines:
        if not isinstance(line, dict) or line.get("schema_version") != _SCHEMA_VERSION:
            raise ArtifactError(f"{path} was written by another version: move it away to repeat its calls")
    return lines


def trajectory(lines: Iterable[Line]) -> list[Line]:
    """The calls of the latest attempt, first to last, without replaced ones."""
    kept: list[Line] = []
    for line in lines:
        del kept[line["number"] - 1 :]
        if line["number"] == len(kept) + 1:
            kept.append(line)
    return kept


class Journal:
    """An open journal. Only one process at a time can have it open."""

    def __init__(self, path: Path, source: Path | None = None) -> None:
        """Open `path` for appending; answers are replayed from `source`, or from `path` itself.

        Raises InfraError when another process has it open, ArtifactError when it cannot be read.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        _lock(self._file, path)
        _repair_last_line(self._file, path)
        self._recorded = deque(trajectory(read_calls(source or path)))
        self._n_answered = 0

    def replay(self, request_sha256: str) -> Line | None:
        """The recorded answer to the next call, or None once the attempt has left the recorded trajectory."""
        if not self._recorded or self._recorded[0]["request_sha256"] != request_sha256:
            self._recorded.clear()
            return None
        self._n_answered += 1
        return self._recorded.popleft()

    def require_space(self) -> None:
        """Raise InfraError when the disk is so full that an answer could be paid for and lost."""
        disk = os.fstatvfs(self._file.fileno())  # f_blocks is 0 on file systems that do not report their size
        if disk.f_blocks and disk.f_bavail * disk.f_frsize < _MIN_FREE_BYTES:
            raise InfraError(
                f"the disk has less than {_MIN_FREE_BYTES // 1_000_000} MB left and the model's answer might be lost: "
                "free some space, or move paths.artifacts"
            )

    def append(self, call: Line) -> Line:
        """Write a call to disk; return the line as it would be read back."""
        head = {"schema_version": _SCHEMA_VERSION, "number": self._n_answered + 1}
        text = json.dumps(head | call | {"answered_at": datetime.now(UTC).isoformat()}, ensure_ascii=False)
        raw = text.encode("utf-8", "replace")  # JSON can carry lone surrogates, files and requests cannot
        try:
            n_written = self._file.write(raw + b"\n")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InfraError(f"an answer could not be recorded: {error.strerror}") from None
        if n_written != len(raw) + 1:
            raise InfraError("an answer could not be recorded: no space left on the disk")
        self._n_answered += 1
        line: Line = json.loads(raw)
        return line

    def close(self) -> None:
        self._file.close()


def _lock(file: IO[bytes], path: Path) -> None:
    """Wait for an exclusive lock, which the system frees when its holder dies."""
    is_held = retry_if_exception_type(BlockingIOError)
    waiting = Retrying(
        retry=is_held, stop=stop_after_delay(_LOCK_TIMEOUT_S), wait=wait_fixed(_POLL_S), reraise=True
    )
    try:
        waiting(fcntl.flock, file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InfraError(f"another process is using {path}") from None
    except OSError:  # a file system without locks: the run's own lock has to suffice
        return


def _repair_last_line(file: IO[bytes], path: Path) -> None:
    """Cut off a last line that a kill has torn; complete one that lacks only its line end."""
    data = path.read_bytes()
    end = data.rfind(b"\n") + 1
    if end == len(data):
        return
    try:
        json.loads(data[end:])
    except ValueError:
        file.truncate(end)
    else:
        file.write(b"\n")
