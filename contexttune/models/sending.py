"""Send one request to an endpoint: wait for the rate limit, retry transient errors, measure the waiting.

It knows nothing about the request, so that anything that forwards requests can use it. A call that is to be paid only
once is wrapped in `journaled.JournaledClient`, which asks its client only for what is not on disk; `metering.Meter`
adds up the usage of the answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

from contexttune.models.rate_limit import RateLimit
from contexttune.models.retry import call_with_retries

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Sender:
    """At most `attempts` requests per answer, within `limit`, which is shared by all senders to an endpoint."""

    attempts: int
    limit: RateLimit | None = None

    def send(
        self,
        request: Callable[[], T],
        *,
        estimate_tokens: Callable[[], int],
        tokens_of: Callable[[T], int],
        on_wait: Callable[[], None],
    ) -> tuple[T, int, float]:
        """Return (answer, number of requests, seconds waited before the last one went out). Raises the last error.

        Args:
            request: makes one HTTP request and returns the answer.
            estimate_tokens: what to charge to the rate limit until the answer is there.
            tokens_of: prompt and completion tokens of an answer; 0 where the endpoint did not count them.
            on_wait: called at the start of each wait that does not count as the model's time.
        """

        def once() -> tuple[T, float]:
            if self.limit is None:
                sent_at = time.monotonic()
                return request(), sent_at
            estimate = estimate_tokens()
            ticket = self.limit.acquire(estimate, on_wait)
            sent_at, tokens = time.monotonic(), 0
            try:
                answer = request()
                tokens = tokens_of(answer) or estimate
                return answer, sent_at
            finally:
                with suppress(
                    OSError
                ):  # a full disk: the estimate stays in the window, the answer is not lost
                    self.limit.correct(ticket, tokens)

        started = time.monotonic()
        (answer, sent_at), n_requests = call_with_retries(once, self.attempts, on_wait)
        return answer, n_requests, sent_at - started
