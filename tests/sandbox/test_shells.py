"""Commands that would hang, flood or outlive an attempt are commands like others, in either place."""

from __future__ import annotations

import uuid

import pytest

from contexttune.sandbox import testbed
from tests.agents.fixtures import every_runner, in_docker
from tests.agents.outages import FINE, is_measured
from tests.agents.scripted import ROTA, calls, is_living
from tests.models.fault_server import serving

pytestmark = pytest.mark.slow

MARK = f"303{uuid.uuid4().int % 10**9:09d}"  # seconds to sleep that nobody else on this machine sleeps
LISTED = f"ps -e -o args | grep -c '^[s]leep {MARK}[.]'"


def detached(seconds: str) -> str:
    """A command that leaves behind a sleep in a session of its own; images have no setsid."""
    program = f"import os; os.fork() and os._exit(0); os.setsid(); os.execvp('sleep', ['sleep', '{seconds}'])"
    return f'python -c "{program}"'


@every_runner()
def test_a_command_that_does_not_end_is_ended_where_it_runs(any_agent):
    endless = f"{detached(f'{MARK}.25')}; sleep {MARK}.5 & sleep 1; {LISTED}; while :; do sleep 0.1; done"
    holds_stdout = f"{detached(f'{MARK}.75')}; echo returned"
    with serving(calls(f"trap '' TERM; {endless}"), calls(LISTED), calls(holds_stdout), *FINE) as server:
        records = any_agent.infer(server.url, command_timeout_s=3)
    assert (records[ROTA]["status"], len(server.requests)) == ("submitted", 5)
    seen = any_agent.observations()
    told = [m["content"] for m in any_agent.trajectory()["messages"] if m["role"] == "tool"]
    assert seen[0].split()[0] == "2"
    assert "it timed out after 3 seconds" in told[0]
    assert seen[1].split() == ["0"]
    assert seen[2].split() == ["returned"]
    assert "<returncode>0</returncode>" in told[2]
    assert server.times[3] - server.times[2] < 3
    assert not is_living(f"sleep {MARK}")
    is_measured(any_agent, ROTA)


@every_runner()
def test_a_large_command_and_a_large_output_are_commands_like_others(any_agent):
    large = f": '{'x' * 200_000}'; echo 200 kB"
    commands = (
        large,
        "head -c 30000000 /dev/zero | tr '\\0' y",
        "echo a\0b",
        "echo ä",
    )
    with serving(*(calls(command) for command in commands), *FINE) as server:
        records = any_agent.infer(server.url)
    assert (records[ROTA]["status"], len(server.requests)) == ("submitted", 6)
    seen = any_agent.observations()
    told = [m["content"] for m in any_agent.trajectory()["messages"] if m["role"] == "tool"]
    assert seen[0] == "200 kB\n"
    assert "it printed too much" in told[1]
    assert "cannot execute binary file" in seen[2]  # bash's word on the NUL, and no outage
    assert seen[3] == "ä\n"
    is_measured(any_agent, ROTA)


@in_docker()
def test_a_full_tmp_is_the_agents_to_see_and_to_mend(any_agent):
    commands = (
        "cat /dev/zero > /tmp/x; echo next",
        "ls /tmp",
        f": '{'x' * 150_000}'; echo big",
    )
    with serving(*(calls(c) for c in commands), *FINE) as server:
        records = any_agent.infer(server.url, run_args=["--tmpfs=/tmp:size=1m"])
    seen = any_agent.observations()
    assert "next" in seen[0]
    assert seen[1] == "x\n"
    assert seen[2] == "big\n"
    assert (records[ROTA]["status"], len(server.requests)) == ("submitted", 5)


@in_docker()
def test_an_agent_that_replaces_commands_which_we_use_fills_nobodys_memory(any_agent):
    replace = "rm -f $d/{0}; printf '#!/bin/sh\\ncase \"$*\" in {1}) exec cat /dev/zero;; esac\\n' > $d/{0}; chmod +x $d/{0}"
    head, git = replace.format("head", "*"), replace.format("git", "*diff*")
    both = f"d=${{PATH%%:*}}; mkdir -p $d; {head}; {git}; touch new"
    with serving(calls(both), calls("echo again")) as server:
        records = any_agent.infer(server.url, step_limit=3)
    told = [m["content"] for m in any_agent.trajectory()["messages"] if m["role"] == "tool"]
    assert len(told) == 3
    assert all("it printed too much" in words for words in told)
    assert (records[ROTA]["status"], records[ROTA]["recovered_patch"]) == ("limit", "")


@in_docker()
def test_a_git_that_does_not_end_costs_no_limit_that_was_measured(any_agent, monkeypatch):
    monkeypatch.setattr(testbed, "_DIFF_TIMEOUT_S", 3.0)
    endless = "d=${PATH%%:*}; mkdir -p $d; rm -f $d/git; printf '#!/bin/sh\\nexec sleep 600\\n' > $d/git; chmod +x $d/git"
    with serving(calls(endless), calls("true")) as server:
        record = any_agent.infer(server.url, step_limit=2, submit_recovered=True)[ROTA]
    assert (record["status"], record["recovered_patch"]) == ("limit", "")
    assert "no patch was collected" in record["error"]


@in_docker()
def test_a_git_that_fails_is_no_empty_patch(any_agent):
    broken = "d=${PATH%%:*}; mkdir -p $d; rm -f $d/git; printf '#!/bin/sh\\nexit 137\\n' > $d/git; chmod +x $d/git; echo x >new"
    with serving(calls(broken), calls("true")) as server:
        record = any_agent.infer(server.url, step_limit=2, submit_recovered=True)[ROTA]
    assert record["recovered_patch"] == ""
    assert "no patch was collected" in record["error"]
