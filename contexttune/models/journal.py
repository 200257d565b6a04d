"""The call journal: an answer is on the disk before it is used, and is never paid for twice.

`calls.jsonl` of an instance has a line for each call that its model has answered, in the order of the answers.
A line of number n is the n-th call of its attempt, and takes the place of all lines before it that have this
number or a higher one: an attempt had asked something else there. Those stay, because they were paid for.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Protocol, Self

from contexttune.errors import ArtifactError, InfraError
from contexttune.models.wire import (
    ContextWindowExceeded,
    add_usage,
    answer_in,
    completion_of,
    request_body,
    response_of,
    usage_in,
)
from contexttune.system.files import fingerprint, read_jsonl
from contexttune.types import Answered, Completion, Message, Usage

CALLS = "calls.jsonl"
_SCHEMA_VERSION = 1
_LOCK_TIMEOUT_S = 15.0  # a worker of a program that was killed ends within seconds
_POLL_S = 0.1
_ROOM_BYTES = 16_000_000  # for the answers of all attempts that are under way

Line = dict[str, Any]
_NOTHING: Line = {"response": None, "refused": None, "n_requests": None, "took_s": 0.0, "waited_s": 0.0}


class Client(Protocol):
    """What can be asked. It pickles, without its open connections."""

    @property
    def sampling(self) -> Mapping[str, Any]:
        """Model and sampling parameters as they go over the wire."""
        ...

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, on_wait: Callable[[], None], **parameters: Any
    ) -> Answered:
        """Raises InfraError when there is no answer, ContextWindowExceeded when the prompt is too long."""
        ...

    def __exit__(self, *exc: object) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Paid:
    """What a model has answered for an instance, whatever became of it."""

    n_calls: int
    usage: Usage


def paid(path: Path) -> Paid | None:
    """The sum of a journal; None when there is none. Raises ArtifactError."""
    if not path.exists():
        return None
    answers = [line["response"] for line in read_calls(path) if line["response"] is not None]
    usage = Usage(prompt_tokens=0, completion_tokens=0)
    for answer in answers:
        usage = add_usage(usage, usage_in(answer))
    return Paid(n_calls=len(answers), usage=usage)


def read_calls(path: Path) -> list[Line]:
    """All lines, those that were replaced included. Raises ArtifactError when one is no call."""
    try:
        lines = read_jsonl(path)
    except ValueError:
        raise ArtifactError(f"{path} is damaged: move it away, and its calls are made anew") from None
    for line in lines:
        if not isinstance(line, dict) or line.get("schema_version") != _SCHEMA_VERSION:
            raise ArtifactError(
                f"{path} was written by another version: move it away, and its calls are made anew"
            )
    return lines


def trajectory(lines: Iterable[Line]) -> list[Line]:
    """The calls that are still those of one attempt, first to last."""
    kept: list[Line] = []
    for line in lines:
        del kept[line["number"] - 1 :]
        if line["number"] == len(kept) + 1:
            kept.append(line)
    return kept


class Journal:
    """The file while an attempt is under way; only one process at a time may have it."""

    def __init__(self, path: Path, source: Path | None = None) -> None:
        """`source`: the journal to read answers from, if it is not `path`.

        Raises InfraError when another process has it, ArtifactError when it cannot be read.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        _lock(self._file, path)
        _mend(self._file, path)
        self._left = deque(trajectory(read_calls(source or path)))
        self._n_answered = 0

    def replay(self, request_sha256: str) -> Line | None:
        """The recorded answer to this call of the attempt; from the first one that there is none for, no other."""
        if not self._left or self._left[0]["request_sha256"] != request_sha256:
            self._left.clear()
            return None
        self._n_answered += 1
        return self._left.popleft()

    def require_room(self) -> None:
        """Raise InfraError where an answer might not fit on the disk: it would be paid for, and lost."""
        disk = os.fstatvfs(self._file.fileno())  # without blocks it is of a kind that does not tell
        if disk.f_blocks and disk.f_bavail * disk.f_frsize < _ROOM_BYTES:
            raise InfraError(
                f"the disk has less than {_ROOM_BYTES // 1_000_000} MB left, and no answer is paid for that might be lost: "
                "free some, or move paths.artifacts"
            )

    def append(self, call: Line) -> Line:
        """Write a call down and wait until the disk has it; the line as it would be read back."""
        head = {"schema_version": _SCHEMA_VERSION, "number": self._n_answered + 1}
        text = json.dumps(head | call | {"answered_at": datetime.now(UTC).isoformat()}, ensure_ascii=False)
        raw = text.encode("utf-8", "replace")  # JSON can carry lone surrogates, files and requests cannot
        try:
            n_written = self._file.write(raw + b"\n")
            os.fsync(self._file.fileno())
        except OSError as error:
            raise InfraError(f"an answer could not be recorded: {error.strerror}") from None
        if n_written != len(raw) + 1:
            raise InfraError("an answer could not be recorded: no space is left for it")
        self._n_answered += 1
        line: Line = json.loads(raw)
        return line

    def close(self) -> None:
        self._file.close()


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A model as one attempt asks it: by way of the journal in its instance's directory.

    Pickles until the first call, so that another process may use it.
    """

    client: Client
    path: Path
    source: Path | None = None  # the journal to read answers from, if it is not `path`
    _open: list[Journal] = field(default_factory=list, init=False, repr=False, compare=False)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        on_wait: Callable[[], None] = lambda: None,
        **parameters: Any,
    ) -> Answered:
        """The recorded answer to the same request at the same place in the attempt, else the endpoint's.

        A recorded one takes no request and waits for no rate limit.

        Raises:
            ContextWindowExceeded: the endpoint says, or once said, that the prompt is too long.
            InfraError: no answer.
        """
        asked = fingerprint(request_body(self.client.sampling, messages, parameters), 64)
        line = self._journal.replay(asked)
        if line is not None:
            # in a replay of another run no time is short: what ended there before the clock struck must end again
            return _answered(line, replayed_s=0.0 if self.source else line["took_s"])
        self._journal.require_room()
        call = {"request_sha256": asked, "sampling": dict(self.client.sampling), **_NOTHING}
        began = time.monotonic()
        try:
            fresh = self.client.chat(messages, on_wait=on_wait, **parameters)
        except ContextWindowExceeded as error:
            self._journal.append(call | {"refused": str(error)})
            raise
        took_s = time.monotonic() - began - fresh.waited_s
        call |= {"response": response_of(fresh.completion), "n_requests": fresh.n_requests}
        line = self._journal.append(call | {"took_s": round(took_s, 3), "waited_s": round(fresh.waited_s, 3)})
        return _answered(line, n_requests=fresh.n_requests, waited_s=fresh.waited_s)

    @property
    def sampling(self) -> Mapping[str, Any]:
        """The sampling settings that every request carries."""
        return self.client.sampling

    def complete(self, messages: Sequence[Message]) -> Completion:
        """One answer to a conversation of texts. Raises as `chat` does."""
        return completion_of(self.chat(messages))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        while self._open:
            self._open.pop().close()
        self.client.__exit__(*exc)

    @property
    def _journal(self) -> Journal:
        if not self._open:
            self._open.append(Journal(self.path, self.source))
        return self._open[0]


class Journaled:
    """What a model inherits to be asked by way of the journal; its own part is the endpoint."""

    def endpoint(self) -> Client:
        """A client for one attempt, which another process may use; it knows the name of a key, not the key."""
        raise NotImplementedError

    def recorded(self, out_dir: Path) -> Recorded:
        """The model as the attempt asks it whose files lie in `out_dir`."""
        return Recorded(client=self.endpoint(), path=out_dir / CALLS)


def _answered(line: Line, *, n_requests: int = 0, waited_s: float = 0.0, replayed_s: float = 0.0) -> Answered:
    """From the line, also when it was only just written: an attempt that is continued must see the same."""
    if line["response"] is None:
        raise ContextWindowExceeded(line["refused"])
    return Answered(answer_in(line["response"]), n_requests, waited_s, replayed_s)


def _lock(file: IO[bytes], path: Path) -> None:
    """Wait for the file to be ours; the system frees it when its holder dies."""
    ends = time.monotonic() + _LOCK_TIMEOUT_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > ends:
                file.close()
                raise InfraError(f"another process is at work on {path}") from None
            time.sleep(_POLL_S)
        except OSError:  # a file system without locks: the run's own lock has to do
            return
        else:
            return


def _mend(file: IO[bytes], path: Path) -> None:
    """Cut off a last line that a kill has torn; one that lacks its end only gets it."""
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
