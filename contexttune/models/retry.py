"""Bounded retries of a request to an endpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from contexttune.models.endpoint_errors import Fault, classify

log = logging.getLogger(__name__)

T = TypeVar("T")

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_PATIENT_WAIT_S = 5.0


def call_with_retries(
    call: Callable[[], T], attempts: int, on_wait: Callable[[], None], rate_limit_wait_s: float = 0.0
) -> tuple[T, int]:
    """Return (result, number of calls); `on_wait` is called before each wait. Raises the last error.

    Outages end after `attempts` calls, refusals by a rate limit once `rate_limit_wait_s` seconds have passed as well.
    """

    def before_sleep(state: RetryCallState) -> None:
        reason = "the endpoint's rate limit" if _is_rate_limit(state) else type(_error(state)).__name__
        log.warning("%s; trying again in %.0f s", reason, state.upcoming_sleep)
        on_wait()

    def stop(state: RetryCallState) -> bool:
        waits_on = attempts > 1 and _is_rate_limit(state)
        return state.attempt_number >= attempts and not (
            waits_on and (state.seconds_since_start or 0.0) < rate_limit_wait_s
        )

    retrying = Retrying(
        stop=stop,
        wait=lambda state: _wait_s(state, attempts),
        retry=retry_if_exception(lambda error: classify(error) in (Fault.OUTAGE, Fault.RATE_LIMIT)),
        before_sleep=before_sleep,
        reraise=True,
    )
    answer = retrying(call)
    return answer, int(retrying.statistics["attempt_number"])


def _is_rate_limit(state: RetryCallState) -> bool:
    error = _error(state)
    return error is not None and classify(error) is Fault.RATE_LIMIT


def _error(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome else None


def _wait_s(state: RetryCallState, attempts: int) -> float:
    """The endpoint's Retry-After, else 1, 2, 4, ... seconds; at most a minute, and some seconds after `attempts`."""
    header = getattr(getattr(_error(state), "response", None), "headers", {}).get("retry-after", "")
    wait_s = _retry_after_s(header)
    if wait_s is None:
        wait_s = _FIRST_WAIT_S * 2 ** (state.attempt_number - 1)
    least_s = _PATIENT_WAIT_S if state.attempt_number >= attempts else 0.0
    return min(max(wait_s, least_s), _LONGEST_WAIT_S)


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
