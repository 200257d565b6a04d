import pytest

from contexttune.errors import ConfigError, InfraError
from contexttune.models.scripted import Scripted
from contexttune.models.wire import completion_of
from contexttune.types import Message

SCRIPT = """
- contains: [alpha]
  lacks: [BEGIN]
  reply: without
- contains: [alpha]
  reply: with
  finish_reason: length
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.yaml"
    path.write_text(SCRIPT)
    return str(path)


def ask(model, text):
    return completion_of(
        model.endpoint().chat([Message(role="system", content="s"), Message(role="user", content=text)])
    )


def test_the_first_rule_that_matches_answers(script):
    with Scripted(seed=0, script=script) as model:
        assert ask(model, "alpha").text == "without"
        answer = ask(model, "BEGIN alpha")
    assert (answer.text, answer.finish_reason) == ("with", "length")
    assert answer.usage.prompt_tokens == 4  # 13 characters with the system message, 4 a token
    assert answer.usage.completion_tokens == 1


def test_a_request_without_a_rule_is_an_outage_and_no_answer(script):
    with Scripted(seed=0, script=script) as model, pytest.raises(InfraError, match="no rule"):
        ask(model, "beta")


@pytest.mark.parametrize("text", ["- reply: [1]", "a: b", "- contains: [x]", "{"])
def test_a_script_of_another_shape_is_refused(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"model\.script"):
        Scripted(seed=0, script=str(path)).preflight()


def test_a_script_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "script.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"model\.script=.* cannot be read"):
        Scripted(seed=0, script=str(tmp_path / "script.yaml")).preflight()


def test_an_absent_script_is_refused():
    with pytest.raises(ConfigError, match=r"model\.script=absent\.yaml"):
        Scripted(seed=0, script="absent.yaml").preflight()
