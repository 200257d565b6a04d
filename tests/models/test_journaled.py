"""A model through its journal, against a server that counts: what is given again, and what never is."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from contexttune.errors import InfraError
from contexttune.models.journal import CALLS, paid, read_calls, trajectory
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.wire import ContextWindowExceeded, usage_of
from contexttune.types import Usage
from tests.models.fault_server import Answer, FaultServer, error, ok, raw, serving


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("TEST_KEY", "secret-1")


def model(server: FaultServer, **keys: Any) -> OpenAICompatible:
    defaults: dict[str, Any] = {"name": "m", "seed": 3, "api_key_env": "TEST_KEY", "attempts": 1}
    return OpenAICompatible(base_url=server.url, **defaults | keys)


def said(server: FaultServer, out_dir: Path, *questions: str, **keys: Any) -> list[str | None]:
    """What one attempt is answered that asks these questions."""
    with model(server, **keys).recorded(out_dir) as asked:
        return [
            asked.chat([{"role": "user", "content": question}]).completion.choices[0].message.content
            for question in questions
        ]


def numbered() -> list[Answer]:
    return [ok(f"answer {n}") for n in range(1, 20)]


def test_the_same_requests_are_answered_without_the_endpoint_and_without_its_rate_limit(tmp_path):
    with serving(*numbered()) as server:
        before = said(server, tmp_path, "a", "b")
        limited = {"requests_per_minute": 1, "rates": tmp_path / "rates"}
        began = time.monotonic()
        assert said(server, tmp_path, "a", "b", "c", **limited) == [*before, "answer 3"]
        assert time.monotonic() - began < 30
        assert len(server.requests) == 3
    assert [line["number"] for line in read_calls(tmp_path / CALLS)] == [1, 2, 3]


def test_an_answer_that_is_given_again_is_the_same_and_took_no_request(tmp_path):
    odd = {"reasoning_content": "because", "tool_calls": [tool_call('{"command": "ls"}')]}
    with serving(ok("x", **odd)) as server:
        both = []
        for _ in range(2):
            with model(server).recorded(tmp_path) as asked:
                both.append(asked.chat([{"role": "user", "content": "q"}], tools=[]))
    fresh, again = both
    assert again.completion == fresh.completion
    assert again.completion.model_dump() == fresh.completion.model_dump()
    assert usage_of(again.completion) == usage_of(fresh.completion)
    assert (fresh.n_requests, again.n_requests, again.waited_s) == (1, 0, 0.0)
    assert again.replayed_s >= 0 == fresh.replayed_s


def test_equal_requests_get_their_answers_in_order(tmp_path):
    with serving(*numbered()) as server:
        first = said(server, tmp_path, "same", "same", "same")
        assert first == ["answer 1", "answer 2", "answer 3"]
        assert said(server, tmp_path, "same", "same", "same") == first
    assert len(server.requests) == 3


def test_from_the_first_request_that_differs_nothing_old_is_given_again_and_nothing_is_lost(tmp_path):
    with serving(*numbered()) as server:
        said(server, tmp_path, "a", "b", "c")
        assert said(server, tmp_path, "a", "X", "b") == ["answer 1", "answer 4", "answer 5"]
        assert said(server, tmp_path, "a", "X", "b", "c") == ["answer 1", "answer 4", "answer 5", "answer 6"]
        assert said(server, tmp_path, "a", "b") == ["answer 1", "answer 7"], "b is no longer on record"
        assert len(server.requests) == 7
    lines = read_calls(tmp_path / CALLS)
    assert [line["number"] for line in lines] == [1, 2, 3, 2, 3, 4, 2]
    assert [line["response"]["choices"][0]["message"]["content"] for line in trajectory(lines)] == [
        "answer 1",
        "answer 7",
    ]
    assert paid(tmp_path / CALLS).n_calls == 7


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"temperature": 0.5},
        {"temperature": None},
        {"name": "n"},
        {"max_tokens": 5},
        {"top_p": 0.9},
    ],
)
def test_what_is_sent_besides_the_messages_belongs_to_the_request(tmp_path, change):
    with serving(*numbered()) as server:
        said(server, tmp_path, "a")
        assert said(server, tmp_path, "a", **change) == ["answer 2"]


def test_further_parameters_belong_to_the_request_and_the_place_of_the_endpoint_does_not(
    tmp_path, monkeypatch
):
    with serving(ok("1")) as first, serving(ok("2"), ok("3")) as second:
        said(first, tmp_path, "a")
        monkeypatch.setenv("TEST_KEY", "another")
        assert said(second, tmp_path, "a", timeout_s=9.0) == ["1"]
        with model(second).recorded(tmp_path) as asked:
            asked.chat([{"role": "user", "content": "a"}], tools=[{"type": "function"}])
    assert len(second.requests) == 1


def test_an_outage_is_no_answer_and_is_asked_again(tmp_path):
    with serving(ok("1"), error(500), ok("2")) as server:
        with pytest.raises(InfraError):
            said(server, tmp_path, "a", "b")
        assert paid(tmp_path / CALLS).n_calls == 1
        assert said(server, tmp_path, "a", "b") == ["1", "2"]
    assert len(server.requests) == 3


def test_a_prompt_that_was_too_long_is_so_again_and_was_not_paid(tmp_path):
    with serving(ok("1"), error(400, "maximum context length exceeded")) as server:
        for _ in range(2):
            with pytest.raises(ContextWindowExceeded, match="maximum context length"):
                said(server, tmp_path, "a", "b")
    assert len(server.requests) == 2
    assert paid(tmp_path / CALLS).n_calls == 1


def tool_call(arguments: str) -> dict[str, Any]:
    return {"id": "c", "type": "function", "function": {"name": "bash", "arguments": arguments}}


def test_hostile_answers_break_neither_the_file_nor_the_next_request(tmp_path):
    body = {
        "model": "m\ud800",
        "choices": [{"message": {"content": "a\ud800b\u2028\x00", "tool_calls": [tool_call('"\ud834"')]}}],
        "usage": {"prompt_tokens": "many", "completion_tokens": -5, "total_tokens": True},
        "odd": [float("nan"), float("inf"), 10**30, "\n", {"a": "\udfff"}],
    }
    with serving(raw(200, json.dumps(body)), ok("fine")) as server:
        with model(server).recorded(tmp_path) as asked:
            fresh = asked.chat([{"role": "user", "content": "q"}]).completion
        with model(server).recorded(tmp_path) as asked:
            again = asked.chat([{"role": "user", "content": "q"}]).completion
            turn = dict(again.choices[0].message.model_dump(exclude_none=True))
            asked.chat([{"role": "user", "content": "q"}, turn])  # goes out: what cannot be sent was replaced
    assert again.choices == fresh.choices
    assert again.choices[0].message.content == "a?b\u2028\x00"
    assert usage_of(again) == Usage()
    assert len(server.requests) == 2
    assert len((tmp_path / CALLS).read_bytes().splitlines()) >= 2
    assert len(read_calls(tmp_path / CALLS)) == 2
    assert paid(tmp_path / CALLS).usage.prompt_tokens == 11


def test_an_answer_of_no_shape_is_not_recorded(tmp_path):
    with serving(ok("x", tool_calls=["ls"]), ok(["x"]), ok("good")) as server:
        assert said(server, tmp_path, "a", attempts=3) == ["good"]
    assert len(read_calls(tmp_path / CALLS)) == 1
