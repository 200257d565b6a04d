"""What is entered into the rate limit, whatever becomes of a request."""

import errno

import pytest

from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.rate_limit import RateLimit
from contexttune.models.wire import completion_of
from contexttune.types import Message
from tests.models.fault_server import error, ok, raw, serving


def test_every_request_counts_also_those_that_fail(tmp_path):
    keys = {"name": "m", "api_key_env": None, "timeout_s": 5.0, "requests_per_minute": 100, "rates": tmp_path}
    with (
        serving(error(429, Retry_After="0"), ok()) as server,
        OpenAICompatible(seed=0, base_url=server.url, **keys) as model,
    ):
        answer = completion_of(model.chat([Message(role="user", content="x")]))
    assert answer.n_requests == 2
    (window,) = tmp_path.glob("*.json")
    recent = RateLimit(path=window)._recent()
    assert [sent.tokens for sent in recent] == [0, 18]


@pytest.mark.parametrize(
    "usage", ['"many"', "[1]", '{"prompt_tokens": 5, "completion_tokens": 1' + 30 * "0" + "}", "{}"]
)
def test_an_answer_is_not_lost_for_what_it_says_of_tokens(tmp_path, usage):
    body = '{"model": "m", "choices": [{"message": {"content": "paid"}}], "usage": ' + usage + "}"
    keys = {"name": "m", "api_key_env": None, "tokens_per_minute": 10_000, "rates": tmp_path}
    with serving(raw(200, body)) as server, OpenAICompatible(seed=0, base_url=server.url, **keys) as model:
        assert completion_of(model.chat([Message(role="user", content="x" * 400)])).text == "paid"
        assert len(server.requests) == 1
    (window,) = tmp_path.glob("*.json")
    (sent,) = RateLimit(path=window)._recent()
    assert sent.tokens > 0


def test_an_answer_is_not_lost_where_its_tokens_cannot_be_noted(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    keys = {"name": "m", "api_key_env": None, "requests_per_minute": 100, "rates": tmp_path}
    monkeypatch.setattr(RateLimit, "correct", full)
    with serving(ok("paid")) as server, OpenAICompatible(seed=0, base_url=server.url, **keys) as model:
        assert completion_of(model.chat([Message(role="user", content="x")])).text == "paid"


def test_an_endpoint_that_counts_no_tokens_is_held_by_the_guess(tmp_path):
    uncounted = (
        '{"id": "x", "object": "chat.completion", "created": 0, "model": "m", "choices": [{"index": 0, '
    )
    uncounted += '"finish_reason": "stop", "message": {"role": "assistant", "content": "a"}}]}'
    keys = {"name": "m", "api_key_env": None, "tokens_per_minute": 10_000, "rates": tmp_path}
    with (
        serving(raw(200, uncounted)) as server,
        OpenAICompatible(seed=0, base_url=server.url, **keys) as model,
    ):
        completion_of(model.chat([Message(role="user", content="x" * 4000)]))
    (window,) = tmp_path.glob("*.json")
    (sent,) = RateLimit(path=window)._recent()
    assert sent.tokens >= 1000
