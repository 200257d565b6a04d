"""The fault table: what an attempt ends as, how many requests it takes, and that the next start does the rest alone."""

from __future__ import annotations

import json
import multiprocessing
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.models.fault_server import Answer, error, ok, raw, serving, stall
from tests.runners.mini.agents import (
    BWRAP,
    DOCKER,
    EDIT,
    ROTA,
    SUBMIT,
    TABLET,
    Agent,
    after,
    calls,
    close_server,
    is_living,
)
from tests.runners.mini.engines import start_engine, stop_engine

pytestmark = pytest.mark.slow

FINE = (calls(EDIT), calls(SUBMIT))
BOTH = f"{ROTA},{TABLET}"


@dataclass(frozen=True)
class Row:
    """What the endpoint says to the second instance, and what must come of it."""

    answers: tuple[Answer, ...]
    status: str
    exit_status: str
    n_requests: int
    settings: Mapping[str, Any] = field(default_factory=dict)


TWICE = {"attempts": 2}
TOO_LONG = "This model's maximum context length is 4096 tokens, however you requested 9000 tokens"
ROWS = {
    "connection refused": Row((close_server,), "infra_error", "InfraError", 1, TWICE),
    "429 with Retry-After": Row((error(429, Retry_After="2"), *FINE), "submitted", "Submitted", 3),
    "500 three times then fine": Row((*[error(500)] * 3, *FINE), "submitted", "Submitted", 5),
    "500 for good": Row((calls("true"), error(500)), "infra_error", "InfraError", 3, TWICE),
    "malformed JSON": Row((calls("true"), raw(200, '{"choices": [')), "infra_error", "InfraError", 3, TWICE),
    "JSON of another shape": Row((raw(200, '{"detail": "x"}'),), "infra_error", "InfraError", 2, TWICE),
    "a page of a gateway": Row((raw(200, "<html>busy</html>"),), "infra_error", "InfraError", 2, TWICE),
    "a stalled answer": Row(
        (calls("true"), stall(20)), "infra_error", "InfraError", 3, TWICE | {"timeout_s": 1}
    ),
    "context length": Row((calls("true"), error(400, TOO_LONG)), "limit", "ContextWindowExceededError", 2),
    "401": Row((calls("true"), error(401)), "infra_error", "InfraError", 2),
    "400 of another kind": Row((calls("true"), error(400, "no")), "infra_error", "InfraError", 2),
    "no action ten times": Row((ok("I think."),) * 10, "agent_error", "RepeatedFormatError", 3),
    "not in JSON what the tool is called with": Row(
        (
            ok(
                "",
                tool_calls=[{"id": "1", "type": "function", "function": {"name": "bash", "arguments": "{"}}],
            ),
        ),
        "agent_error",
        "RepeatedFormatError",
        3,
    ),
}


@pytest.mark.bwrap
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_a_fault_of_the_endpoint_is_told_from_an_answer(agent, row):
    with serving(*FINE, *row.answers) as server:
        records = agent.infer(server.url, **row.settings)
    attempt = records[TABLET]
    assert (attempt["status"], attempt["exit_status"]) == (row.status, row.exit_status), attempt["error"]
    assert len(server.requests) == len(FINE) + row.n_requests
    assert multiprocessing.active_children() == []
    outage = row.status == "infra_error"
    before = agent.predictions()
    assert set(before) == ({ROTA} if outage else {ROTA, TABLET})
    with serving(*FINE) as sound:
        agent.infer(sound.url)
    assert len(sound.requests) == (len(FINE) if outage else 0)  # what is missing, and nothing else
    now = agent.predictions()
    assert set(now) == {ROTA, TABLET}
    assert {name: now[name] for name in before} == before


@pytest.mark.bwrap
def test_an_outage_is_an_exit_code_and_the_same_command_goes_on(agent):
    with serving(*FINE, error(401)) as server:
        done = agent.run(server.url, instances=BOTH)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert set(agent.predictions()) == {ROTA}
    resumes(agent, 2)


def resumes(agent: Agent, n_requests: int, **env: str) -> None:
    """The same command with a sound endpoint does what is missing, and nothing else."""
    before = agent.predictions()
    with serving(*FINE) as server:
        done = agent.run(server.url, instances=BOTH, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(server.requests) == n_requests
    now = agent.predictions()
    assert set(now) == {ROTA, TABLET}
    assert {name: now[name] for name in before} == before


@pytest.mark.bwrap
def test_retry_after_is_waited_for_and_every_request_is_counted(agent):
    with serving(calls("true"), error(429, Retry_After="3"), *FINE, *FINE) as server:
        records = agent.infer(server.url)
    assert 3.0 <= server.times[2] - server.times[1] < 15
    assert (records[ROTA]["n_calls"], records[ROTA]["details"]["n_requests"]) == (3, 4)


def both_runners() -> Any:
    return pytest.mark.parametrize(
        "runner",
        [pytest.param(BWRAP, marks=pytest.mark.bwrap), pytest.param(DOCKER, marks=pytest.mark.docker)],
    )


@pytest.fixture
def any_agent(runner: str, tmp_path: Path, request: pytest.FixtureRequest) -> Agent:
    return request.getfixturevalue("agent" if runner == BWRAP else "boxed_agent")


LISTED = "ps -e -o args | grep -c '^[s]leep 3030[.]'"


def detached(seconds: str) -> str:
    """A command that leaves behind a sleep in a session of its own; images have no setsid."""
    program = f"import os; os.fork() and os._exit(0); os.setsid(); os.execvp('sleep', ['sleep', '{seconds}'])"
    return f'python -c "{program}"'


@both_runners()
def test_a_command_that_does_not_end_is_ended_where_it_runs(any_agent):
    endless = f"{detached('3030.25')}; sleep 3030.5 & sleep 1; {LISTED}; while :; do sleep 0.1; done"
    holds_stdout = f"{detached('3031.5')}; echo returned"
    with serving(calls(f"trap '' TERM; {endless}"), calls(LISTED), calls(holds_stdout), *FINE) as server:
        done = any_agent.run(server.url, "runner.command_timeout_s=4")
    assert done.returncode == 0, done.stdout + done.stderr
    seen = any_agent.observations()
    told = [m["content"] for m in any_agent.trajectory()["messages"] if m["role"] == "tool"]
    assert seen[0].split()[0] == "2"
    assert "it timed out after 4 seconds" in told[0]
    assert seen[1].split() == ["0"]
    assert seen[2].split() == ["returned"]
    assert "<returncode>0</returncode>" in told[2]
    assert server.times[3] - server.times[2] < 4
    assert not is_living("sleep 303")
    assert any_agent.attempt()["status"] == "submitted"


@both_runners()
def test_a_large_command_and_a_large_output_are_commands_like_others(any_agent):
    large = f": '{'x' * 200_000}'; echo 200 kB"
    commands = (
        large,
        "head -c 30000000 /dev/zero | tr '\\0' y",
        "echo a\0b",
        "echo ä",
    )
    with serving(*(calls(command) for command in commands), *FINE) as server:
        done = any_agent.run(server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = any_agent.observations()
    told = [m["content"] for m in any_agent.trajectory()["messages"] if m["role"] == "tool"]
    assert seen[0] == "200 kB\n"
    assert "it printed too much" in told[1]
    assert "cannot execute binary file" in seen[2]  # bash's word on the NUL, and no outage
    assert seen[3] == "ä\n"
    assert any_agent.attempt()["status"] == "submitted"


@pytest.mark.docker
def test_a_missing_image_is_missing_data_until_it_is_there(boxed_agent, tmp_path):
    from swebench.task.repo import load_task_repo

    image = "contexttune.invalid/no/such:image"
    rows = {t["instance_id"]: dict(t) for t in load_task_repo(str(_demo()))}
    there = rows[TABLET]["image"]
    rows[TABLET]["image"] = image
    dataset = tmp_path / "rows.jsonl"
    dataset.write_text("".join(json.dumps(row) + "\n" for row in rows.values()))
    boxed_agent.dataset = ("slice=custom", f"slice.dataset={dataset}")
    with serving(*FINE) as server:
        done = boxed_agent.run(server.url, instances=BOTH)
    assert done.returncode == 4, done.stdout + done.stderr
    assert f"pulling {image}" in done.stdout
    assert image in boxed_agent.attempt(TABLET)["error"]
    assert (boxed_agent.attempt(TABLET)["status"], len(server.requests)) == ("infra_error", 2)
    assert set(boxed_agent.predictions()) == {ROTA}
    subprocess.run(["docker", "tag", there, image], check=True)
    try:
        resumes(boxed_agent, 2)
    finally:
        subprocess.run(["docker", "rmi", image], check=True, capture_output=True)


def _demo() -> Path:
    return Path(__file__).parents[3] / "contexttune" / "demo"


@pytest.mark.docker
@pytest.mark.parametrize("how", ["kill", "rm --force"])
def test_a_container_that_dies_is_an_outage_and_not_an_answer(boxed_agent, how):
    def kill() -> None:
        subprocess.run(["docker", *how.split(), *boxed_agent.containers()], check=True, capture_output=True)

    with serving(*FINE, calls("true"), after(kill, calls("echo still here?")), *FINE) as server:
        done = boxed_agent.run(server.url, instances=BOTH)
    assert done.returncode == 4, done.stdout + done.stderr
    attempt = boxed_agent.attempt(TABLET)
    assert attempt["status"] == "infra_error"
    assert "the container is gone" in attempt["error"]
    assert len(server.requests) == 4
    assert set(boxed_agent.predictions()) == {ROTA}
    resumes(boxed_agent, 2)


@pytest.mark.docker
def test_a_container_that_dies_during_a_command_is_an_outage_too(boxed_agent):
    def kill_soon() -> None:
        command = f"sleep 3; docker kill {' '.join(boxed_agent.containers())}"
        subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    with serving(*FINE, after(kill_soon, calls("sleep 50")), *FINE) as server:
        done = boxed_agent.run(server.url, instances=BOTH)
    assert (done.returncode, len(server.requests)) == (4, 3), done.stdout + done.stderr
    assert boxed_agent.attempt(TABLET)["status"] == "infra_error"


@pytest.mark.docker
def test_a_full_tmp_is_the_agents_to_see_and_to_mend(boxed_agent):
    boxed_agent.overrides = ('runner.run_args=["--tmpfs=/tmp:size=1m"]',)
    commands = (
        "cat /dev/zero > /tmp/x; echo next",
        "ls /tmp",
        f": '{'x' * 150_000}'; echo big",
    )
    with serving(*(calls(c) for c in commands), *FINE) as server:
        done = boxed_agent.run(server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    seen = boxed_agent.observations()
    assert "next" in seen[0]
    assert seen[1] == "x\n"
    assert seen[2] == "big\n"
    assert boxed_agent.attempt()["status"] == "submitted"


@pytest.mark.docker
def test_a_full_disk_is_an_outage_and_not_an_empty_patch(boxed_agent):
    boxed_agent.overrides = ('runner.run_args=["--tmpfs=/testbed:size=2m"]',)
    make = "git init -q; echo a > README.md; git add .; git -c user.name=a -c user.email=a@a commit -qm a; git status"
    with serving(calls(make), calls("cat /dev/zero > filler; echo filled"), *FINE) as server:
        done = boxed_agent.run(server.url)
    assert done.returncode == 4, done.stdout + done.stderr
    seen = boxed_agent.observations()
    assert "nothing to commit" in seen[0]
    assert "No space left on device" in seen[1]
    attempt = boxed_agent.attempt()
    assert attempt["status"] == "infra_error"
    assert "disk of the container is full" in attempt["error"]
    assert boxed_agent.predictions() == {}


@pytest.mark.docker
def test_an_engine_that_stops_is_an_outage_and_what_it_held_is_swept(agent, own_engine):
    folder, env = own_engine
    agent.runner = DOCKER
    with serving(*FINE, calls("true"), after(lambda: stop_engine(folder), calls("true")), *FINE) as server:
        done = agent.run(server.url, instances=BOTH, **env)
    assert done.returncode == 4, done.stdout + done.stderr
    attempt = agent.attempt(TABLET)
    assert attempt["status"] == "infra_error"
    assert len(server.requests) == 4
    assert set(agent.predictions()) == {ROTA}
    assert "Traceback" not in done.stdout + done.stderr
    start_engine(folder)
    assert len(agent.containers()) == 1  # the engine that went could not be asked to remove it
    resumes(agent, 2, **env)
    assert agent.containers() == []
