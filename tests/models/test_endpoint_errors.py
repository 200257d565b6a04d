"""Errors in the words of vendors and servers: the class of each, and how many requests it takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from contexttune.errors import InfraError, RequestRejected
from contexttune.models.endpoint_errors import Fault, fault_of
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.wire import ContextWindowExceeded, RequestRefused
from tests.models.fault_server import error, ok, raw, serving

MESSAGES = [{"role": "user", "content": "hello"}]
WORDINGS: list[tuple[Fault, int, str]] = [
    (
        Fault.CONTEXT_WINDOW,
        400,
        "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens",
    ),
    (
        Fault.CONTEXT_WINDOW,
        400,
        "Input tokens exceed the configured limit of 272000 tokens. Your messages resulted in 277798 tokens.",
    ),
    (Fault.CONTEXT_WINDOW, 400, "context_length_exceeded"),
    (
        Fault.CONTEXT_WINDOW,
        400,
        "The decoder prompt (length 40000) is longer than the maximum model length of 32768",
    ),
    (
        Fault.CONTEXT_WINDOW,
        400,
        "'max_tokens' or 'max_completion_tokens' is too large: 4096. This model's maximum context length is 8192 tokens and your request has 6000 input tokens",
    ),
    (
        Fault.CONTEXT_WINDOW,
        400,
        "request (263244 tokens) exceeds the available context size (190208 tokens), try increasing it",
    ),
    (Fault.CONTEXT_WINDOW, 400, "prompt is too long: 210543 tokens > 200000 maximum"),
    (
        Fault.CONTEXT_WINDOW,
        400,
        "litellm.ContextWindowExceededError: AnthropicError - prompt is too long: 210543 tokens > 200000 maximum",
    ),
    (
        Fault.CONTEXT_WINDOW,
        400,
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
    ),
    (
        Fault.CONTEXT_WINDOW,
        400,
        "This model's maximum prompt length is 131072 but the request contains 140000 tokens.",
    ),
    (
        Fault.CONTEXT_WINDOW,
        422,
        "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 32768. Given: 33000 `inputs` tokens",
    ),
    (Fault.CONTEXT_WINDOW, 400, "Range of input length should be [1, 129024]"),
    (Fault.CONTEXT_WINDOW, 413, "Request too large: This model's maximum context length is 131072 tokens."),
    (Fault.CONTEXT_WINDOW, 400, "Invalid request: Your request exceeded model token limit: 131072"),
    (
        Fault.CONTEXT_WINDOW,
        200,
        "This endpoint's maximum context length is 131072 tokens. However, you requested about 140000 tokens",
    ),
    (Fault.CONTEXT_WINDOW, 400, "Input is too long for requested model."),
    (Fault.CONTEXT_WINDOW, 400, "Please reduce the length of the messages or completion."),
    (Fault.CONTEXT_WINDOW, 400, "too many tokens: size limit exceeded by 1203 tokens"),
    (
        Fault.REFUSAL,
        400,
        "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. code: content_filter",
    ),
    (
        Fault.REFUSAL,
        400,
        "invalid_prompt: your prompt was flagged as potentially violating our usage policy.",
    ),
    (Fault.REFUSAL, 400, "Your request was rejected as a result of our safety system."),
    (Fault.REFUSAL, 400, "data_inspection_failed: Input data may contain inappropriate content."),
    (Fault.REFUSAL, 403, "Your input was flagged by moderation"),
    (Fault.REFUSAL, 400, "ResponsibleAIPolicyViolation"),
    (Fault.REFUSAL, 451, "blocked by content policy"),
    (
        Fault.RATE_LIMIT,
        429,
        "Rate limit reached for m in organization org on tokens per min (TPM): Limit 30000, Used 29800, Requested 5000.",
    ),
    (Fault.RATE_LIMIT, 429, "Number of request tokens has exceeded your per-minute rate limit"),
    (Fault.RATE_LIMIT, 429, "Resource has been exhausted (e.g. check quota)."),
    (
        Fault.RATE_LIMIT,
        429,
        "Requests to the ChatCompletions Operation have exceeded call rate limit. Please retry after 6 seconds.",
    ),
    (Fault.RATE_LIMIT, 429, "Throttling.RateQuota: Requests rate limit exceeded, please try again later."),
    (Fault.RATE_LIMIT, 429, "too many requests"),
    (Fault.RATE_LIMIT, 429, ""),
    (
        Fault.ACCOUNT,
        429,
        "You exceeded your current quota, please check your plan and billing details. insufficient_quota",
    ),
    (Fault.ACCOUNT, 402, "Insufficient Balance"),
    (Fault.ACCOUNT, 400, "Your credit balance is too low to access the Anthropic API."),
    (Fault.ACCOUNT, 402, "Payment Required"),
    (Fault.ACCOUNT, 401, "Incorrect API key provided: sk-x."),
    (Fault.ACCOUNT, 401, "invalid x-api-key"),
    (Fault.ACCOUNT, 403, "Project does not have access to model m"),
    (Fault.ACCOUNT, 403, "Forbidden"),
    (
        Fault.BAD_REQUEST,
        400,
        "Unsupported value: 'reasoning_effort' does not support 'extreme' with this model.",
    ),
    (Fault.BAD_REQUEST, 400, "messages: at least one message is required"),
    (Fault.BAD_REQUEST, 400, "Invalid schema for function 'bash'"),
    (Fault.BAD_REQUEST, 400, "tool_calls must be followed by tool messages"),
    (Fault.BAD_REQUEST, 404, "The model `m` does not exist"),
    (Fault.BAD_REQUEST, 404, "404 page not found"),
    (Fault.BAD_REQUEST, 422, "Field required"),
    (Fault.BAD_REQUEST, 405, "Method Not Allowed"),
    (Fault.BAD_REQUEST, 413, "Request Entity Too Large: body limit 1 MB"),
    (
        Fault.BAD_REQUEST,
        413,
        "Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 7000",
    ),
    (Fault.OUTAGE, 529, "Overloaded"),
    (Fault.OUTAGE, 503, "The engine is currently overloaded, please try again later"),
    (Fault.OUTAGE, 503, "no healthy upstream"),
    (Fault.OUTAGE, 500, "The server had an error while processing your request"),
    (Fault.OUTAGE, 502, "Bad Gateway"),
    (Fault.OUTAGE, 504, "upstream request timeout"),
    (Fault.OUTAGE, 408, "Request Timeout"),
    (Fault.OUTAGE, 409, "conflict"),
    (Fault.OUTAGE, 500, "CUDA out of memory"),
    (Fault.OUTAGE, 520, "unknown error"),
]
RAISED: dict[Fault, tuple[type[Exception], int]] = {
    Fault.CONTEXT_WINDOW: (ContextWindowExceeded, 1),
    Fault.REFUSAL: (RequestRefused, 1),
    Fault.ACCOUNT: (InfraError, 1),
    Fault.BAD_REQUEST: (RequestRejected, 1),
    Fault.OUTAGE: (InfraError, 2),
    Fault.RATE_LIMIT: (InfraError, 2),
}


def model(url: str, **keys: Any) -> OpenAICompatible:
    return OpenAICompatible(seed=0, name="m", base_url=url, api_key_env=None, attempts=2, **keys)


def test_there_are_sixty_of_them():
    assert len(WORDINGS) == 60


@pytest.mark.parametrize(("fault", "status", "words"), WORDINGS)
def test_an_error_has_one_class_and_takes_its_number_of_requests(fault, status, words, monkeypatch):
    monkeypatch.setattr("contexttune.models.retry._FIRST_WAIT_S", 0.0)
    assert fault_of(status, words) is fault
    answer = (
        error(status, words)
        if status != 200
        else raw(200, json.dumps({"error": {"code": 400, "message": words}}))
    )
    kind, n_requests = RAISED[fault]
    with (
        serving(answer) as server,
        model(server.url, rate_limit_wait_s=0) as endpoint,
        pytest.raises(kind) as raised,
    ):
        endpoint.chat(MESSAGES)
    assert type(raised.value) is kind
    assert len(server.requests) == n_requests


def test_a_rate_limit_is_waited_for_beyond_the_number_of_attempts(monkeypatch):
    monkeypatch.setattr("contexttune.models.retry._FIRST_WAIT_S", 0.01)
    monkeypatch.setattr("contexttune.models.retry._PATIENT_WAIT_S", 0.01)
    waits: list[None] = []
    with serving(*[error(429, "per minute")] * 5, ok()) as server, model(server.url) as endpoint:
        assert endpoint.chat(MESSAGES, on_wait=lambda: waits.append(None)).n_requests == 6
    assert len(waits) == 5


def test_waiting_for_a_rate_limit_is_bounded(monkeypatch):
    monkeypatch.setattr("contexttune.models.retry._FIRST_WAIT_S", 0.2)
    monkeypatch.setattr("contexttune.models.retry._PATIENT_WAIT_S", 0.2)
    with (
        serving(error(429, "per minute")) as server,
        model(server.url, rate_limit_wait_s=0.5) as endpoint,
        pytest.raises(InfraError),
    ):
        endpoint.chat(MESSAGES)
    assert 2 < len(server.requests) < 5
