"""Bounded retries of one call to an endpoint; what is left after them is an outage."""

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
    # a body that is no JSON, and one whose JSON has not the shape of an answer, come from gateways in trouble
    return isinstance(
        error, openai.APIConnectionError | openai.APIResponseValidationError | ValueError | MalformedAnswer
    )


def call_with_retries(
    call: Callable[[], T], attempts: int, on_wait: Callable[[], None] = lambda: None
) -> tuple[T, int]:
    """(the answer, calls made); `on_wait` is called before each wait. Raises the last error when no attempt succeeds."""

    def before_sleep(state: RetryCallState) -> None:
        _say(state)
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


def _wait_s(state: RetryCallState) -> float:
    """What the endpoint asks for in Retry-After, else 1, 2, 4, ... seconds; never above a minute."""
    error = state.outcome.exception() if state.outcome else None
    asked = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
    wait_s = _asked_s(asked)
    if wait_s is None:
        wait_s = _FIRST_WAIT_S * 2 ** (state.attempt_number - 1)
    return min(max(wait_s, 0.0), _LONGEST_WAIT_S)


def _asked_s(header: str) -> float | None:
    """Retry-After's two forms, seconds and a date; None for anything else."""
    with suppress(ValueError):
        seconds = float(header)
        return seconds if isfinite(seconds) else None
    try:
        until = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    return (until - datetime.now(UTC)).total_seconds() if until.tzinfo else None


def _say(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("%s; trying again in %.0f s", type(error).__name__, state.upcoming_sleep)
