import socket
from typing import Any

import pytest

from contexttune.errors import ConfigError, InfraError, PreflightError
from contexttune.models import retry
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.wire import ContextWindowExceeded, completion_of
from contexttune.types import Message
from tests.models.fault_server import error, ok, raw, serving, stall

MESSAGES = [Message(role="user", content="fix it")]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch):
    monkeypatch.setattr(retry, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setenv("TEST_KEY", "secret-1")


def model(url: str | None, **keys) -> OpenAICompatible:
    defaults: dict[str, Any] = {"name": "m", "api_key_env": "TEST_KEY", "timeout_s": 5.0}
    return OpenAICompatible(seed=3, base_url=url, **defaults | keys)


def test_sampling_parameters_are_explicit_and_null_ones_are_not_sent():
    with serving(ok()) as server, model(server.url, temperature=None, max_tokens=9) as endpoint:
        answer = completion_of(endpoint.chat(MESSAGES))
    assert server.requests == [{"messages": [dict(MESSAGES[0])], "model": "m", "max_tokens": 9, "seed": 3}]
    assert (answer.text, answer.finish_reason, answer.served_model, answer.n_requests) == (
        "hello",
        "stop",
        "served-1",
        1,
    )
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, usage.reasoning_tokens) == (
        11,
        7,
        5,
        3,
    )


@pytest.mark.parametrize(
    ("answers", "n_requests"),
    [
        ([error(500), error(500), error(500), ok()], 4),
        ([error(429, Retry_After="0"), ok()], 2),
        ([raw(200, "{not json"), ok()], 2),
        ([raw(200, "{}"), ok()], 2),
        ([raw(200, '{"choices": []}'), ok()], 2),
    ],
)
def test_a_passing_fault_is_retried_and_counted(answers, n_requests):
    with serving(*answers) as server, model(server.url) as endpoint:
        answer = completion_of(endpoint.chat(MESSAGES))
    assert answer.text == "hello"
    assert answer.n_requests == len(server.requests) == n_requests


@pytest.mark.parametrize(
    ("answer", "n_requests"),
    [
        (error(500), 3),
        (error(429, Retry_After="0"), 3),
        (raw(200, "{}"), 3),
        (error(401), 1),
        (error(404), 1),
        (error(400), 1),
    ],
)
def test_a_lasting_fault_is_an_outage_after_a_bounded_number_of_requests(answer, n_requests):
    with serving(answer) as server, model(server.url, attempts=3, rate_limit_wait_s=0) as endpoint:
        with pytest.raises(InfraError):
            completion_of(endpoint.chat(MESSAGES))
        assert len(server.requests) == n_requests


def test_retry_after_is_honoured():
    with serving(error(429, Retry_After="1"), ok()) as server, model(server.url) as endpoint:
        completion_of(endpoint.chat(MESSAGES))
    assert 0.9 < server.times[1] - server.times[0] < 5


def test_a_stalled_answer_is_an_outage():
    with serving(stall(3)) as server, model(server.url, timeout_s=0.2, attempts=2) as endpoint:
        with pytest.raises(InfraError):
            completion_of(endpoint.chat(MESSAGES))
        assert len(server.requests) == 2


def test_what_an_endpoint_says_in_the_place_of_an_answer_is_passed_on():
    with (
        serving(raw(200, '{"error": {"message": "no credit is left"}}')) as server,
        model(server.url, attempts=1) as endpoint,
        pytest.raises(InfraError, match="no credit is left"),
    ):
        endpoint.chat(MESSAGES)


def test_a_token_in_the_url_of_an_endpoint_is_not_repeated():
    with serving(error(400, "no")) as server:
        url = server.url.replace("://", "://a-token-of-more-than-20-characters@")
        with model(url) as endpoint, pytest.raises(InfraError, match=r"http://\*\*\*@127.0.0.1") as raised:
            endpoint.chat(MESSAGES)
    assert "a-token" not in str(raised.value)


def test_words_without_end_are_cut():
    with serving(error(400, "context length " + "x" * 100_000)) as server, model(server.url) as endpoint:
        with pytest.raises(ContextWindowExceeded) as raised:
            endpoint.chat(MESSAGES)
        assert len(str(raised.value)) <= 500


@pytest.mark.parametrize(
    "words",
    [
        "This model's maximum context length is 10",
        "The decoder prompt is longer than the maximum model length",
    ],
)
def test_a_prompt_that_is_too_long_is_a_limit_and_no_outage(words):
    with serving(error(400, words)) as server, model(server.url) as endpoint:
        with pytest.raises(ContextWindowExceeded):
            completion_of(endpoint.chat(MESSAGES))
        assert len(server.requests) == 1


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(ok()) as server:
        assert completion_of(model(server.url, attempts=1).chat(MESSAGES)).text == "hello"


def test_preflight_names_what_is_missing(monkeypatch):
    with pytest.raises(ConfigError, match=r"model\.name"):
        model("http://127.0.0.1:1/v1", name=None).preflight()
    monkeypatch.delenv("TEST_KEY")
    with pytest.raises(PreflightError, match="TEST_KEY is not set"):
        model("http://127.0.0.1:1/v1").preflight()


def test_preflight_finds_a_dead_endpoint_and_a_refused_key():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(PreflightError, match="OPENAI_BASE_URL"):
            model(f"http://127.0.0.1:{unused.getsockname()[1]}/v1").preflight()
    with serving(error(401)) as server, pytest.raises(PreflightError, match="refuses the key in TEST_KEY"):
        model(server.url).preflight()


@pytest.mark.parametrize(
    "answer", [raw(200, '{"object": "list", "data": []}'), error(404), raw(200, "<html>")]
)
def test_preflight_accepts_any_endpoint_that_answers(answer):
    with serving(answer) as server:
        model(server.url).preflight()


def test_the_environment_names_the_endpoint_when_the_configuration_does_not(monkeypatch):
    with serving(ok()) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert completion_of(model(None).chat(MESSAGES)).text == "hello"


def test_a_key_that_the_endpoint_quotes_is_not_repeated():
    refusal = error(401, "Incorrect API key provided: secret-1")
    with serving(refusal) as server, model(server.url) as endpoint, pytest.raises(InfraError) as raised:
        completion_of(endpoint.chat(MESSAGES))
    assert "Incorrect API key provided: ***" in str(raised.value)
