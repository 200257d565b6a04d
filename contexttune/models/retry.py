"""Bounded retries of a request to an endpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt

from contexttune.models.wire import IMPORTING, MalformedAnswer

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later: no connection, a time-out, 408, 409, 429, 5xx."""
    with IMPORTING:
        import openai

    if isinstance(error, openai.APIStatusError):
        return error.status_code in (408, 409, 429) or error.status_code >= 500
    # gateways in trouble send bodies that are not JSON, or JSON that is not a chat completion
    return isinstance(
        error, openai.APIConnectionError | openai.APIResponseValidationError | ValueError | MalformedAnswer
    )


def call_with_retries(call: Callable[[], T], attempts: int, on_wait: Callable[[], None]) -> tuple[T, int]:
    """Return (result, number of calls); `on_wait` is called before each wait. Raises the last error."""

    def before_sleep(state: RetryCallState) -> None:
        log.warning("%s; trying again in %.0f s", type(_error(state)).__name__, state.upcoming_sleep)
        on_wait()

    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=_wait_s,
        retry=retry_if_exception(is_transient),
        before_sleep=before_sleep,
        reraise=True,
    )
    answer = retrying(call)
    return answer, int(retrying.statistics["attempt_number"])


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wait_s(state: RetryCallState) -> float:
    """The endpoint's Retry-After, else 1, 2, 4, ... seconds; at most a minute."""
    header = getattr(getattr(_error(state), "response", None), "headers", {}).get("retry-after", "")
    wait_s = _retry_after_s(header)
    if wait_s is None:
        wait_s = _FIRST_WAIT_S * 2 ** (state.attempt_number - 1)
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S)


def _retry_after_s(header: str) -> float | None:
    """A Retry-After header in seconds: given as a number or a date; None for anything else."""
    with suppress(ValueError):
        seconds = float(header)
        return seconds if isfinite(seconds) else None
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return (until - datetime.now(UTC)).total_seconds() if until.tzinfo else None
