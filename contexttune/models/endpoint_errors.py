"""What an endpoint's error means: the one place where errors are classified by status and words."""

from __future__ import annotations

import re
from enum import StrEnum

from contexttune.models.wire import IMPORTING, MalformedAnswer


class Fault(StrEnum):
    """Kinds of failed requests."""

    CONTEXT_WINDOW = "context_window"  # the prompt is too long: a limit of the model
    REFUSAL = "refusal"  # the provider refuses the content: an answer
    BAD_REQUEST = "bad_request"  # this request fails for good; others may succeed
    ACCOUNT = "account"  # no request succeeds until someone acts: a key, a permission, credit
    RATE_LIMIT = "rate_limit"  # the same request succeeds in a minute or so
    OUTAGE = "outage"  # the same request may succeed later


_REQUEST_STATUSES = (200, 400, 413, 422)  # 200: an error in the place of an answer
_TOO_LONG = re.compile(
    r"context[ _-]?(?:length|window|size)|maximum (?:model|context|prompt|input) length|prompt is too long"
    r"|exceed_context|(?:input|prompt|request)\W.{0,60}(?:exceeds?|exceeded|longer than) .{0,60}(?:tokens|limit|maximum)"
    r"|input tokens exceed|too many (?:input )?tokens|token limit|range of input length|tokens`? \+ .{0,40}must be <="
    r"|input is too long|reduce (?:the length|your prompt)|maximum number of tokens",
    re.IGNORECASE | re.DOTALL,
)
_REFUSED = re.compile(
    r"content[ _]?filter|content management policy|content[ _]policy|invalid_prompt|data_inspection_failed"
    r"|responsible ?ai|usage polic|safety (?:system|polic|reasons|settings)|flagged|moderation",
    re.IGNORECASE,
)
_NO_CREDIT = re.compile(
    r"insufficient[ _](?:quota|balance|credits?|funds)|exceeded your current quota|credit balance|payment required"
    r"|billing|out of credits|no credits? (?:is |are )?left|spending limit",
    re.IGNORECASE,
)
_PER_TIME = re.compile(r"per (?:min(?:ute)?|day|hour)|rate[ _]limit", re.IGNORECASE)
_RETRIED = (408, 409, 425)


def fault_of(status: int | None, words: str) -> Fault:
    """The kind of an error with this HTTP status (None: no answer) and text."""
    if status is None:
        return Fault.OUTAGE
    if status == 402 or _NO_CREDIT.search(words):
        return Fault.ACCOUNT
    if status == 429:
        return Fault.RATE_LIMIT
    of_request = status in _REQUEST_STATUSES and not _PER_TIME.search(words)
    if of_request and _TOO_LONG.search(words):
        return Fault.CONTEXT_WINDOW
    if (of_request or status in (403, 451)) and _REFUSED.search(words):
        return Fault.REFUSAL
    if of_request and _is_too_long_for_litellm(words):
        return Fault.CONTEXT_WINDOW
    if status in (401, 403):
        return Fault.ACCOUNT
    return Fault.BAD_REQUEST if 400 <= status < 500 and status not in _RETRIED else Fault.OUTAGE


def classify(error: BaseException) -> Fault:
    """The kind of what a request to an endpoint raised."""
    with IMPORTING:
        import openai

    if isinstance(error, openai.APIStatusError):
        return fault_of(error.status_code, str(error))
    if isinstance(error, MalformedAnswer):
        return fault_of(error.status, str(error))
    # gateways in trouble send bodies that are not JSON
    passing = openai.APIConnectionError | openai.APIResponseValidationError | ValueError
    return Fault.OUTAGE if isinstance(error, passing) else Fault.BAD_REQUEST


def _is_too_long_for_litellm(words: str) -> bool:
    with IMPORTING:  # it knows the wordings of many providers, and takes seconds to import
        from litellm.litellm_core_utils.exception_mapping_utils import ExceptionCheckers
    return bool(ExceptionCheckers.is_error_str_context_window_exceeded(words))


def cause_of(error: BaseException) -> str:
    """The innermost reason: the client's own message is only 'Connection error.'"""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__
