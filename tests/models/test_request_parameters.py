"""Any parameter can be set or left out, and refused sampling settings are met once."""

from __future__ import annotations

import json

import pytest

from contexttune.errors import PreflightError, RequestRejected
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.wire import completion_of
from tests.command_line import contexttune
from tests.models.fault_server import error, ok, raw, serving

MESSAGES = [{"role": "user", "content": "hello"}]


def model(url, **keys):
    return OpenAICompatible(seed=0, name="m", base_url=url, api_key_env=None, attempts=1, **keys)


def refused(name: str, words: str = "Unsupported parameter: '{}' is not supported with this model."):
    return error(400, words.format(name))


@pytest.mark.parametrize(
    ("parameters", "sent", "absent"),
    [
        ({"reasoning_effort": "low"}, {"reasoning_effort": "low", "max_tokens": 4096}, ()),
        ({"max_tokens": None, "max_completion_tokens": 9}, {"max_completion_tokens": 9}, ("max_tokens",)),
        ({"seed": None, "temperature": None}, {"max_tokens": 4096}, ("seed", "temperature")),
        ({"top_k": 20, "chat_template_kwargs": {"enable_thinking": False}}, {"top_k": 20}, ("extra_body",)),
        ({"extra_body": {"min_p": 0.1}, "top_k": 3}, {"min_p": 0.1, "top_k": 3}, ("extra_body",)),
    ],
)
def test_any_parameter_is_sent_or_left_out(parameters, sent, absent):
    with serving(ok()) as server, model(server.url, parameters=parameters) as endpoint:
        endpoint.chat(MESSAGES)
    (request,) = server.requests
    assert {name: request.get(name) for name in sent} == sent
    assert not set(absent) & request.keys()


def test_the_command_line_sets_them(tmp_path):
    keys = ("slice=demo", "slice.limit=1", "harness=none", "runner=single_shot", "condition=no_context")
    parameters = "model.parameters={chat_template_kwargs: {enable_thinking: false}, top_k: 20, seed: null}"
    with serving(ok()) as server:
        done = contexttune(
            *keys,
            parameters,
            "model.name=m",
            "model.api_key_env=null",
            cwd=tmp_path,
            OPENAI_BASE_URL=server.url,
        )
    assert done.returncode == 0, done.stdout + done.stderr
    request = server.requests[-1]
    assert (request["top_k"], request["chat_template_kwargs"]) == (20, {"enable_thinking": False})
    assert "seed" not in request


def test_refused_settings_are_left_out_once_and_for_all():
    answers = (
        refused(
            "max_tokens", "Unsupported parameter: '{}' is not supported. Use 'max_completion_tokens' instead."
        ),
        refused("temperature", "Unsupported value: '{}' does not support 0 with this model."),
        refused("seed"),
        ok(),
        ok(),
    )
    with serving(*answers) as server, model(server.url) as endpoint:
        endpoint.chat(MESSAGES)
        endpoint.chat(MESSAGES)
    assert len(server.requests) == 5
    *_, first, second = server.requests
    assert first == second
    assert first["max_completion_tokens"] == 4096
    assert not {"max_tokens", "temperature", "seed"} & first.keys()


def test_another_parameter_is_rejected_with_the_endpoints_words():
    with (
        serving(refused("reasoning_effort")) as server,
        model(server.url, parameters={"reasoning_effort": "x"}) as endpoint,
        pytest.raises(RequestRejected, match="reasoning_effort"),
    ):
        endpoint.chat(MESSAGES)
    assert len(server.requests) == 1


def test_content_in_parts_and_arguments_as_an_object_are_taken():
    call = {"id": "c", "type": "function", "function": {"name": "bash", "arguments": {"command": "ls"}}}
    message = {
        "role": "assistant",
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "tool_calls": [call],
    }
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    with serving(raw(200, json.dumps(body))) as server, model(server.url) as endpoint:
        answered = endpoint.chat(MESSAGES)
    assert completion_of(answered).text == "ab"
    assert json.loads(answered.completion.choices[0].message.tool_calls[0].function.arguments) == {
        "command": "ls"
    }


@pytest.mark.parametrize("end", ["\n", "\r\n", " "])
def test_blanks_around_a_key_are_not_sent(monkeypatch, end):
    monkeypatch.setenv("A_KEY", f"sk-secret{end}")
    with serving(ok()) as server:
        endpoint = OpenAICompatible(seed=0, name="m", base_url=server.url, api_key_env="A_KEY")
        endpoint.preflight()
        with endpoint:
            endpoint.chat(MESSAGES)


def test_a_key_with_a_line_break_in_it_is_refused_by_the_name_of_its_variable(monkeypatch):
    monkeypatch.setenv("A_KEY", "sk-secret\nexport OTHER=1")
    with serving(ok()) as server, pytest.raises(PreflightError, match="A_KEY") as raised:
        OpenAICompatible(seed=0, name="m", base_url=server.url, api_key_env="A_KEY").preflight()
    assert "sk-secret" not in str(raised.value)
