"""What an agent sees of its place is the same in every attempt: else no attempt could go on by its journal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.agents.fixtures import both_runners
from tests.agents.scripted import EDIT, ROTA, SUBMIT, Agent, calls
from tests.models.fault_server import serving

NOSY = (
    "ls -la --time-style=full-iso; ls -la --time-style=full-iso ~; stat -c '%y %n' /testbed/.git/* . ..",
    "pwd; uname -n; hostname; id; env | sort; cat /etc/passwd",
    "find . -printf '%p %t %s\\n'; git status; git log -1; git ls-files --stage; git diff",
    "python -c 'import os, sys, platform; print(sys.path, platform.node(), os.getcwd(), os.listdir())'",
    "python -m unittest no_such_module 2>&1 | sed '/^Ran/d'; python -c 'import rota; print(rota)'; mktemp -d -u | wc -c; df . | wc -l",
)


def requests_of_two_attempts(agent: Agent, commands: tuple[str, ...], **settings: Any) -> list[list[dict]]:
    """What each of two attempts asked, the second without any memory of the first."""
    asked = []
    for _ in range(2):
        with serving(*map(calls, (*commands, EDIT, SUBMIT))) as server:
            records = agent.infer(server.url, **settings)
        assert records[ROTA]["status"] == "submitted"
        asked.append(server.requests)
        for name in ("attempt.json", "calls.jsonl"):
            (path,) = agent.root.glob(f"artifacts/preds/g/*/{ROTA}/{name}")
            path.unlink()
    return asked


def said_last(request: dict) -> list[str]:
    return request["messages"][-1]["content"].splitlines()


@both_runners()
@pytest.mark.slow
def test_a_second_attempt_asks_what_the_first_one_asked(any_agent):
    first, second = requests_of_two_attempts(any_agent, NOSY)
    for before, now in zip(first, second, strict=True):
        assert said_last(before) == said_last(now)
    assert first == second


def test_without_a_sandbox_its_folder_has_the_same_name_and_dates(agent):
    nosy = ("pwd; ls -la --time-style=full-iso; ls -la --time-style=full-iso ~",)
    first, second = requests_of_two_attempts(agent, nosy, sandbox="none")
    assert "/contexttune-" in first[1]["messages"][-1]["content"]
    assert said_last(first[1]) == said_last(second[1])
