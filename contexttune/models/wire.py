"""What goes over the wire of chat completions, and what comes back."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contexttune.types import Answered, Completion, Usage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

_TOO_MANY_TOKENS = 10**12
IMPORTING = threading.RLock()
"""Held while openai is imported: its modules import each other, and of two threads that begin at once one gets half of it."""


class ContextWindowExceeded(Exception):
    """The prompt is longer than the model reads: a limit of the model, not an outage."""


class MalformedAnswer(Exception):
    """The endpoint answered 200 with something that is no chat completion."""


def request_body(
    sampling: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """All that an endpoint gets to see of a call, the key aside."""
    return {**sampling, "messages": [dict(message) for message in messages], **parameters}


def require_shape(answer: ChatCompletion) -> None:
    """Raise MalformedAnswer, with what the endpoint says instead, unless there is a message with texts where they must be."""
    try:
        message = answer.choices[0].message
        calls: Any = message.tool_calls or []
        texts = [message.content or "", *(t for c in calls for t in (c.function.name, c.function.arguments))]
    except (AttributeError, LookupError, TypeError):
        said = getattr(answer, "error", None) or answer
        raise MalformedAnswer(f"an answer without choices: {str(said)[:200]}") from None
    if not all(isinstance(text, str) for text in texts):
        raise MalformedAnswer(f"a message that is no text: {str(answer)[:200]}")


def usage_in(response: Any) -> Usage:
    """Tokens as the endpoint counted them, from an answer's JSON."""
    usage = _mapping(response, "usage")
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(_mapping(usage, "prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(_mapping(usage, "completion_tokens_details"), "reasoning_tokens"),
    )


def usage_of(answer: ChatCompletion) -> Usage:
    """Tokens as the endpoint counted them."""
    return usage_in(response_of(answer))


def add_usage(a: Usage, b: Usage) -> Usage:
    """The sum; what neither counted stays unknown."""

    def add(x: int | None, y: int | None) -> int | None:
        return None if x is None and y is None else (x or 0) + (y or 0)

    return Usage(
        prompt_tokens=add(a.prompt_tokens, b.prompt_tokens),
        completion_tokens=add(a.completion_tokens, b.completion_tokens),
        cached_tokens=add(a.cached_tokens, b.cached_tokens),
        reasoning_tokens=add(a.reasoning_tokens, b.reasoning_tokens),
    )


def response_of(answer: ChatCompletion) -> dict[str, Any]:
    """The answer's JSON as it came, fields that the client does not know included."""
    return answer.to_dict(mode="json", warnings=False)


def answer_in(response: Mapping[str, Any]) -> ChatCompletion:
    """The reverse, as lenient as the client itself."""
    with IMPORTING:
        from openai.types.chat import ChatCompletion

    return ChatCompletion.construct(**response)


def completion_of(answered: Answered) -> Completion:
    """The answer as stages know it."""
    answer = answered.completion
    choice = answer.choices[0]
    return Completion(
        text=_printable(choice.message.content or ""),
        finish_reason=_text(choice.finish_reason) or "unknown",
        usage=usage_of(answer),
        refusal=_text(choice.message.refusal) or None,
        n_requests=answered.n_requests,
        served_model=served_model_of(answer),
    )


def served_model_of(answer: ChatCompletion) -> str:
    """What the endpoint calls the model that answered; "" where it does not say."""
    return _text(answer.model)


def _text(value: Any) -> str:
    """A text of an answer, of which nobody has checked that it is one."""
    return value if isinstance(value, str) else ""


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _count(usage: Mapping[str, Any], key: str) -> int | None:
    """None for what can be no number of tokens: sums and prices of it would fail, and with them the group's summary."""
    value = usage.get(key)
    counted = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_MANY_TOKENS
    return value if counted else None


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # JSON can carry lone surrogates, files cannot
