"""A limit on requests and tokens per minute, shared by all processes of this machine that use one endpoint."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from contexttune.system.files import locked, read_json, write_atomic

_WINDOW_S = 60.0
_POLL_S = 1.0  # another process may give tokens back meanwhile
_MIN_WAIT_S = 0.01


class _Sent(NamedTuple):
    """A request of the last minute."""

    at_s: float  # wall clock, which processes share
    ticket: str
    tokens: int


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """A sliding window of one minute, kept in a file. None: no limit of that kind."""

    path: Path
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None

    def acquire(self, tokens: int, on_wait: Callable[[], None]) -> str:
        """Wait until a request of about `tokens` fits into the window; return a ticket for `correct`.

        `on_wait` is called once if there is a wait. A request larger than the limit is sent alone.
        """
        ticket, waiting = uuid.uuid4().hex, False
        while (wait_s := self._try(ticket, tokens)) > 0:
            if not waiting:
                on_wait()
                waiting = True
            time.sleep(min(wait_s, _POLL_S))
        return ticket

    def correct(self, ticket: str, tokens: int) -> None:
        """Replace the estimate by the tokens that the request really took; 0 if it failed."""
        with self._locked():
            self._write([s._replace(tokens=tokens) if s.ticket == ticket else s for s in self._recent()])

    def _try(self, ticket: str, tokens: int) -> float:
        """Seconds until the request fits; 0 when it does, and is then entered into the window."""
        with self._locked():
            recent, now = self._recent(), time.time()
            wait_s = self._wait_s(recent, tokens, now)
            if wait_s <= 0:
                self._write([*recent, _Sent(now, ticket, tokens)])
            return wait_s

    def _wait_s(self, recent: list[_Sent], tokens: int, now: float) -> float:
        """Seconds until enough of the recent requests have left the window."""
        wait_s, used = 0.0, sum(sent.tokens for sent in recent)
        for n_left, oldest in zip(range(len(recent), 0, -1), recent, strict=True):
            if self._fits(n_left, used, tokens):
                break
            wait_s = max(oldest.at_s + _WINDOW_S - now, _MIN_WAIT_S)
            used -= oldest.tokens
        return wait_s  # once all have left, any request fits

    def _fits(self, n_requests: int, used: int, tokens: int) -> bool:
        """Whether a request of `tokens` fits beside `n_requests` that took `used` tokens."""
        few = self.requests_per_minute is None or n_requests < self.requests_per_minute
        return few and (self.tokens_per_minute is None or not used or used + tokens <= self.tokens_per_minute)

    def _recent(self) -> list[_Sent]:
        now = time.time()
        try:
            found = [_Sent(float(at_s), str(t), int(n)) for at_s, t, n in read_json(self.path, list) or []]
        except (ValueError, TypeError):  # damaged: at worst one minute is forgotten
            return []
        return sorted(sent for sent in found if 0 <= now - sent.at_s < _WINDOW_S)

    def _write(self, sent: list[_Sent]) -> None:
        import orjson

        write_atomic(self.path, orjson.dumps([list(one) for one in sent]), durable=False)

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self.path.with_suffix(".lock"))
