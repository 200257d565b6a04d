"""Answers that no one has validated, from a real server."""

import json

import pytest

from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.wire import completion_of
from contexttune.types import Message
from tests.models.fault_server import ok, raw, serving

MESSAGES = [Message(role="user", content="fix it")]


def model(url: str) -> OpenAICompatible:
    return OpenAICompatible(seed=3, name="m", base_url=url, api_key_env=None, timeout_s=5.0, attempts=1)


ODD_VALUES = ["text", 5, 10**400, -1, ["a"], {"a": 1}, None]


@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: repr(value)[:9])
def test_values_that_nobody_has_checked_are_of_the_kind_that_records_hold(value):
    counts = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), value)
    choice = {"finish_reason": value, "message": {"content": "a", "refusal": value}}
    body = json.dumps({"model": value, "choices": [choice], "usage": counts})
    with serving(raw(200, body)) as server, model(server.url) as endpoint:
        answer = completion_of(endpoint.chat(MESSAGES))
    assert answer.finish_reason == ("text" if value == "text" else "unknown")
    assert (answer.refusal, answer.served_model) == (("text", "text") if value == "text" else (None, ""))
    assert answer.usage.prompt_tokens == answer.usage.completion_tokens == (5 if value == 5 else None)


def test_a_lone_surrogate_in_an_answer_cannot_break_a_file():
    with serving(raw(200, '{"model":"m","choices":[{"message":{"content":"a\\ud800b"}}]}')) as server:
        answer = completion_of(model(server.url).chat(MESSAGES))
    assert answer.text == "a?b"
    assert answer.finish_reason == "unknown"
    assert answer.usage.prompt_tokens is None


def test_a_refusal_is_kept():
    with serving(ok("", refusal="I will not")) as server:
        assert completion_of(model(server.url).chat(MESSAGES)).refusal == "I will not"
