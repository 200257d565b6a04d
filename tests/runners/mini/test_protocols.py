"""What each protocol sends, takes for commands, and shows of them. The templates are the tests' own."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from contexttune.errors import ConfigError
from contexttune.paths import Layout
from contexttune.repos.workspace import Workspace
from contexttune.runners.mini.environment import MAGIC, ShellEnvironment, observation, submission_of
from contexttune.runners.mini.protocols import PROTOCOLS, V1
from contexttune.runners.mini_swe_agent import MiniSweAgent
from contexttune.system.subprocesses import ExecResult

TEXT = {
    "action_regex": r"```bash\s*\n(.*?)\n```",
    "observation_template": "{{ output.returncode }}: {{ output.output }}",
    "format_error_template": "{{ actions | length }} commands",
    "timeout_template": "<{{ action['action'] }}> was ended after {{ output | length }}: {{ output }}",
}
TWO = "```bash\nls\n```\n\n```bash\npwd\n```"


@pytest.fixture(autouse=True)
def _quiet(tmp_path, monkeypatch):
    """mini-swe-agent makes a directory of its own as it is imported."""
    monkeypatch.setenv("MSWEA_GLOBAL_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("MSWEA_SILENT_STARTUP", "1")


class Message(SimpleNamespace):
    content: str | None
    tool_calls: list | None = None

    def model_dump(self, *, exclude_none):
        assert exclude_none
        return {"role": "assistant", **{k: v for k, v in vars(self).items() if v is not None}}


def format_error(protocol, message, finish_reason="stop"):
    from minisweagent.exceptions import FormatError

    with pytest.raises(FormatError) as caught:
        PROTOCOLS[protocol].actions(message, finish_reason, TEXT)
    return caught.value.messages


def shown(protocol, *ended, commands=("ls",)):
    turn = {"content": "I act.", "extra": {"actions": [{"command": c, "tool_call_id": c} for c in commands]}}
    outputs = [observation(each, 3) for each in ended]
    messages = PROTOCOLS[protocol].observations(turn, outputs, TEXT, {"task": "t"})
    return [{k: v for k, v in message.items() if k != "extra"} for message in messages]


def test_only_tool_calls_need_parameters_of_the_request():
    assert [name for name, protocol in PROTOCOLS.items() if protocol.parameters()] == ["toolcall"]


@pytest.mark.parametrize("protocol", ["backticks", "v1"])
def test_a_fenced_block_is_a_command_however_it_is_padded(protocol):
    message = Message(content="THOUGHT\n\n```bash\n\n  cat <<'E'\nx\nE  \n\n```\nDone.")
    assert PROTOCOLS[protocol].actions(message, "stop", TEXT) == [{"command": "cat <<'E'\nx\nE"}]


@pytest.mark.parametrize(("content", "found"), [(TWO, 2), ("none", 0), (None, 0), ("```sh\nls\n```", 0)])
def test_v1_keeps_the_turn_that_it_complains_of_and_the_others_drop_it(content, found):
    complaint = {"role": "user", "content": f"{found} commands"}
    kept, said = format_error("v1", Message(content=content, reasoning_content="hm"))
    assert kept == {"role": "assistant", "content": content or "", "extra": {}}
    assert complaint.items() <= said.items()
    (only,) = format_error("backticks", Message(content=content))
    assert complaint.items() <= only.items()


def test_v1_has_no_limit_of_format_errors():
    assert [p.name for p in PROTOCOLS.values() if p.agent_settings] == ["v1"]
    assert V1.agent_settings == {"max_consecutive_format_errors": 0}


def test_v1_sends_back_text_alone():
    message = Message(content=None, reasoning_content="hm", tool_calls=["a"])
    assert V1().turn(message) == {"role": "assistant", "content": ""}
    assert PROTOCOLS["backticks"].turn(message) == {
        "role": "assistant",
        "content": None,
        "reasoning_content": "hm",
        "tool_calls": ["a"],
    }


def test_an_observation_has_the_role_that_the_protocol_answers_with():
    ended = ExecResult(output=b"a\r\nb\rc\xff", returncode=1)
    text = {"role": "user", "content": "1: a\nb\nc\ufffd"}
    assert shown("backticks", ended) == shown("v1", ended) == [text]
    assert shown("toolcall", ended) == [text | {"role": "tool", "tool_call_id": "ls"}]


def test_every_tool_call_is_answered_even_those_that_were_not_run():
    first, second = shown("toolcall", ExecResult(output=b"a", returncode=0), commands=("ls", "pwd"))
    assert (first["tool_call_id"], second["tool_call_id"]) == ("ls", "pwd")
    assert second["content"].startswith("-1: ")


def test_a_time_out_has_words_of_its_own_in_v1_only():
    ended = ExecResult(output=b"half\r\n{{ x }}", returncode=124, timed_out=True)
    assert shown("backticks", ended)[0]["content"] == "-1: half\r\n{{ x }}"
    assert shown("v1", ended)[0]["content"] == "<ls> was ended after 13: half\r\n{{ x }}"


@pytest.mark.parametrize(
    ("line", "protocols"), [(MAGIC, set(PROTOCOLS)), ("MINI_SWE_AGENT_FINAL_OUTPUT", {"v1"}), ("", set())]
)
def test_a_submission_begins_with_a_magic_line_of_the_protocol(line, protocols):
    ended = ExecResult(output=f"\n {line} \ndiff --git\n".encode() + b"\xff\r\n", returncode=0)
    for name, protocol in PROTOCOLS.items():
        wanted = "diff --git\n\udcff\r\n" if name in protocols else None
        assert submission_of(ended, protocol.magic_lines) == wanted
    failed = ExecResult(output=ended.output, returncode=1)
    assert submission_of(failed, V1.magic_lines) is None


def test_the_environment_submits_by_the_lines_that_it_is_given():
    from minisweagent.exceptions import Submitted

    class Echo:
        def run(self, command, timeout_s):
            return ExecResult(output=command.encode(), returncode=0)

    submits = ShellEnvironment(shell=Echo(), timeout_s=3, described={}, magic_lines=("DONE",))
    assert submits.execute({"command": f"{MAGIC}\nx"})["output"].endswith("x")
    with pytest.raises(Submitted):
        submits.execute({"command": "DONE\nx"})


def test_a_protocol_that_is_not_there_is_named_beside_those_that_are(tmp_path):
    layout = Layout(cache=tmp_path, artifacts=tmp_path, results=tmp_path)
    workspace = Workspace(layout=layout, remote="")
    with pytest.raises(
        ConfigError, match=r"runner\.protocol must be one of toolcall, backticks, v1, got xml"
    ):
        MiniSweAgent(model=None, workspace=workspace, run_label="", protocol="xml")
