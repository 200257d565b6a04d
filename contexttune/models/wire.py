"""Requests and responses of the chat completions API, as JSON and as the openai package's objects."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contexttune.types import Answered, Completion, Usage

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletion

_TOO_MANY_TOKENS = 10**12
IMPORTING = threading.RLock()
"""Lock for importing openai: its modules import each other, so two threads importing at once can see half of it."""


class ContextWindowExceeded(Exception):
    """The prompt is longer than the model accepts: a limit of the model, not an outage."""


class RequestRefused(Exception):
    """The endpoint refuses the content of a request: an answer of its provider, not an outage."""


class MalformedAnswer(Exception):
    """The endpoint answered 200 with something that is not a chat completion; `status`: of the error in it, if any."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status


def request_body(
    sampling: Mapping[str, Any], messages: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    """The whole request body."""
    return {**sampling, "messages": [dict(message) for message in messages], **parameters}


def require_shape(answer: ChatCompletion) -> None:
    """Raise MalformedAnswer, quoting the endpoint, unless there is a message whose text fields are strings.

    Content in parts and arguments as an object, which some servers send, become the texts that they stand for.
    """
    try:
        message = answer.choices[0].message
        calls: Any = message.tool_calls or []
        message.content = _joined(message.content)
        for call in calls:
            call.function.arguments = _as_json(call.function.arguments)
        texts = [message.content or "", *(t for c in calls for t in (c.function.name, c.function.arguments))]
    except (AttributeError, LookupError, TypeError):
        found = getattr(answer, "error", None) or answer
        status = found.get("code") if isinstance(found, Mapping) else None
        words = f"an answer without choices: {str(found)[:200]}"
        raise MalformedAnswer(words, _status(status)) from None
    if not all(isinstance(text, str) for text in texts):
        raise MalformedAnswer(f"a message whose content is not text: {str(answer)[:200]}")


def _status(code: Any) -> int | None:
    """An HTTP status of an error, from a number or digits."""
    text = str(code)
    return int(text) if text.isdecimal() and len(text) == 3 else None


def _joined(content: Any) -> Any:
    if not isinstance(content, list):
        return content
    return "".join(part["text"] for part in content if part.get("type", "text") == "text")


def _as_json(arguments: Any) -> Any:
    return json.dumps(arguments) if isinstance(arguments, Mapping) else arguments


def usage_in(response: Any) -> Usage:
    """Token counts of a response's JSON."""
    usage = _mapping(response, "usage")
    return Usage(
        prompt_tokens=_count(usage, "prompt_tokens"),
        completion_tokens=_count(usage, "completion_tokens"),
        cached_tokens=_count(_mapping(usage, "prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(_mapping(usage, "completion_tokens_details"), "reasoning_tokens"),
    )


def usage_of(answer: ChatCompletion) -> Usage:
    """Token counts of an answer."""
    return usage_in(response_of(answer))


def add_usage(a: Usage, b: Usage) -> Usage:
    """The sum; a count that neither has stays None."""
    pairs = {name: (x, getattr(b, name)) for name, x in vars(a).items()}
    return Usage(**{name: None if x is y is None else (x or 0) + (y or 0) for name, (x, y) in pairs.items()})


def response_of(answer: ChatCompletion) -> dict[str, Any]:
    """The response's JSON, including fields that the openai package does not know."""
    return answer.to_dict(mode="json", warnings=False)


def answer_in(response: Mapping[str, Any]) -> ChatCompletion:
    """The inverse of `response_of`, without validation, like the openai package itself."""
    with IMPORTING:
        from openai.types.chat import ChatCompletion

    return ChatCompletion.construct(**response)


def completion_of(answered: Answered) -> Completion:
    """The answer as plain values."""
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
    """The endpoint's name for the model that answered; "" where it gives none."""
    return _text(answer.model)


def _text(value: Any) -> str:
    """`value` if it is a string: nothing has validated the answer."""
    return value if isinstance(value, str) else ""


def _mapping(value: Any, key: str) -> Mapping[str, Any]:
    inner = value.get(key) if isinstance(value, Mapping) else None
    return inner if isinstance(inner, Mapping) else {}


def _count(usage: Mapping[str, Any], key: str) -> int | None:
    """A token count, or None if the value is implausible: sums and prices must not fail on it."""
    value = usage.get(key)
    counted = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _TOO_MANY_TOKENS
    return value if counted else None


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()  # JSON can carry lone surrogates, files cannot
