"""A model as used by one attempt: every call goes through the journal of the instance's directory."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

from contexttune.interfaces import Model
from contexttune.models.journal import CALLS, Journal, Line
from contexttune.models.wire import ContextWindowExceeded, answer_in, completion_of, request_body, response_of
from contexttune.system.files import fingerprint
from contexttune.types import Answered, Completion, Message

_EMPTY: Line = {"response": None, "refused": None, "n_requests": None, "took_s": 0.0, "waited_s": 0.0}


class Client(Protocol):
    """Answers the calls that are not in the journal. Can be pickled, without its open connections."""

    @property
    def sampling(self) -> Mapping[str, Any]:
        """Model name and sampling parameters as they are sent."""
        ...

    def chat(
        self, messages: Sequence[Mapping[str, Any]], *, on_wait: Callable[[], None], **parameters: Any
    ) -> Answered:
        """Raises InfraError when there is no answer, ContextWindowExceeded when the prompt is too long."""
        ...

    def __exit__(self, *exc: object) -> None: ...


class JournaledModel(Model):
    """Base class of models whose calls are journaled: a subclass only provides its endpoint."""

    @abstractmethod
    def endpoint(self) -> Client:
        """A client for one attempt, usable in another process; it carries the name of a key, not the key."""

    def recorded(self, out_dir: Path) -> JournaledClient:
        """The model for the attempt whose files are in `out_dir`."""
        return JournaledClient(client=self.endpoint(), path=out_dir / CALLS)


@dataclass(frozen=True, kw_only=True)
class JournaledClient:
    """Answers from the journal at `path` as long as the requests are the same, then from `client`.

    Can be pickled until the first call.
    """

    client: Client
    path: Path
    source: Path | None = None  # another run's journal, from which answers are taken instead
    _open: list[Journal] = field(default_factory=list, init=False, repr=False, compare=False)

    def chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        on_wait: Callable[[], None] = lambda: None,
        **parameters: Any,
    ) -> Answered:
        """The recorded answer to this request at this place in the attempt, else the endpoint's.

        A recorded answer makes no request and waits for no rate limit.

        Raises:
            ContextWindowExceeded: the endpoint says, or has said before, that the prompt is too long.
            InfraError: no answer.
        """
        digest = fingerprint(request_body(self.client.sampling, messages, parameters), 64)
        line = self._journal.replay(digest)
        if line is not None:
            # a replay of another run takes no time: it must not hit a time limit that the run itself did not hit
            return _answered(line, replayed_s=0.0 if self.source else line["took_s"])
        self._journal.require_space()
        call = {"request_sha256": digest, "sampling": dict(self.client.sampling), **_EMPTY}
        started = time.monotonic()
        try:
            fresh = self.client.chat(messages, on_wait=on_wait, **parameters)
        except ContextWindowExceeded as error:
            self._journal.append(call | {"refused": str(error)})
            raise
        took_s = time.monotonic() - started - fresh.waited_s
        call |= {"response": response_of(fresh.completion), "n_requests": fresh.n_requests}
        line = self._journal.append(call | {"took_s": round(took_s, 3), "waited_s": round(fresh.waited_s, 3)})
        return _answered(line, n_requests=fresh.n_requests, waited_s=fresh.waited_s)

    @property
    def sampling(self) -> Mapping[str, Any]:
        return self.client.sampling

    def complete(self, messages: Sequence[Message]) -> Completion:
        """The answer to `messages` as plain values. Raises as `chat` does."""
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


def _answered(line: Line, *, n_requests: int = 0, waited_s: float = 0.0, replayed_s: float = 0.0) -> Answered:
    """The answer, built from the line even when it was just written: a resumed attempt must see the same answer."""
    if line["response"] is None:
        raise ContextWindowExceeded(line["refused"])
    return Answered(answer_in(line["response"]), n_requests, waited_s, replayed_s)
