"""Interrupts, kills and the wall clock: everything ends in time, nothing is left, and the same command goes on."""

from __future__ import annotations

import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.models.fault_server import Answer, serving, stall
from tests.runners.mini.agents import BWRAP, DOCKER, EDIT, ROTA, SUBMIT, Agent, calls, is_living
from tests.runners.mini.conftest import settled

pytestmark = pytest.mark.slow

FINE = (calls(EDIT), calls(SUBMIT))
NAP = "sleep 3050.5"
# what is under way when the blow falls
BUSY: dict[str, Answer] = {"a command": calls(f"{EDIT}; {NAP}"), "a stalled endpoint": stall(60)}
RUNNERS = [
    pytest.param(BWRAP, "bwrap", marks=pytest.mark.bwrap),
    pytest.param(BWRAP, "none"),
    pytest.param(DOCKER, "", marks=pytest.mark.docker),
]


@pytest.fixture
def any_agent(runner: str, sandbox: str, tmp_path: Path, request: pytest.FixtureRequest) -> Agent:
    made: Agent = request.getfixturevalue("boxed_agent" if runner == DOCKER else "agent")
    made.overrides = (f"runner.sandbox={sandbox}",) if sandbox else ()
    return made


def wait_until(true: Callable[[], Any], within_s: float = 60) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def started(
    agent: Agent, url: str, busy: str, n_requests: Callable[[], int], scratch: Path | None = None
) -> subprocess.Popen[str]:
    """The program, at work on its second answer."""
    program = agent.start(url, **({"TMPDIR": str(scratch)} if scratch else {}))
    wait_until(lambda: n_requests() == 2 or program.poll() is not None)
    if busy == "a command":
        wait_until(lambda: is_living(NAP) or program.poll() is not None)
    assert program.poll() is None, program.communicate()[0]
    return program


def finishes(agent: Agent, scratch: Path | None = None) -> None:
    with serving(*FINE) as server:
        done = agent.run(server.url, **({"TMPDIR": str(scratch)} if scratch else {}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(server.requests) == 2
    assert set(agent.predictions()) == {ROTA}


@pytest.mark.parametrize(("runner", "sandbox"), RUNNERS)
@pytest.mark.parametrize(
    ("how", "busy"),
    [(signal.SIGINT, "a command"), (signal.SIGTERM, "a command"), (signal.SIGTERM, "a stalled endpoint")],
)
def test_an_interrupt_ends_all_within_15_s_and_the_same_command_goes_on(any_agent, how, busy):
    with serving(calls("true"), BUSY[busy]) as server:
        program = started(any_agent, server.url, busy, lambda: len(server.requests))
        began = time.monotonic()
        program.send_signal(how)
        said, _ = program.communicate(timeout=15)
    assert time.monotonic() - began < 15
    assert program.returncode == 130, said
    assert "Traceback" not in said
    assert (
        settled(any_agent.processes, within_s=1) == []
    )  # no worker, and not the server they are forked from
    assert not is_living(NAP)
    if any_agent.runner == DOCKER:
        assert any_agent.containers() == []
    assert any_agent.predictions() == {}
    finishes(any_agent)


@pytest.mark.parametrize(("runner", "sandbox"), [RUNNERS[0], RUNNERS[2]])
def test_after_kill_9_no_worker_lives_on_and_the_next_start_sweeps(any_agent, scratch):
    with serving(calls("true"), BUSY["a command"]) as server:
        program = started(any_agent, server.url, "a command", lambda: len(server.requests), scratch)
        program.kill()
        program.wait()
    assert settled(any_agent.processes, within_s=5) == []
    # the container, or the checkout
    assert len(any_agent.containers() if any_agent.runner == DOCKER else checkouts(scratch)) == 1
    finishes(any_agent, scratch)
    assert not is_living(NAP)
    assert settled(lambda: list(scratch.iterdir()), within_s=5) == []  # nor the sockets of either start
    if any_agent.runner == DOCKER:
        assert any_agent.containers() == []


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A temporary directory with a short path, as sockets need it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


def checkouts(scratch: Path) -> list[Path]:
    return [path for path in scratch.glob("contexttune-*") if (path / "testbed").exists()]


@pytest.mark.docker
def test_a_second_start_leaves_the_first_ones_container_alone(boxed_agent):
    with serving(calls("true"), calls("sleep 12"), *FINE) as server:
        program = started(boxed_agent, server.url, "waiting", lambda: len(server.requests))
        second = boxed_agent.run(server.url)
        said, _ = program.communicate(timeout=60)
    assert second.returncode == 3, second.stdout + second.stderr
    assert "another process is at work on this run" in second.stdout + second.stderr
    assert program.returncode == 0, said
    assert boxed_agent.attempt()["status"] == "submitted"


@pytest.mark.parametrize(("runner", "sandbox"), [RUNNERS[0], RUNNERS[2]])
@pytest.mark.parametrize("busy", BUSY)
def test_the_wall_limit_ends_an_attempt_and_keeps_what_the_tree_held(any_agent, busy):
    with serving(calls(EDIT), BUSY[busy]) as server:
        done = any_agent.run(server.url, "runner.wall_limit_s=6")
    assert done.returncode == 0, done.stdout + done.stderr
    attempt = any_agent.attempt()
    assert (attempt["status"], attempt["exit_status"]) == ("limit", "TimeExceeded")
    assert attempt["wall_s"] < 18
    assert attempt["model_patch"] == ""
    assert "+a new line" in attempt["recovered_patch"]
    assert "patch.txt" not in attempt["recovered_patch"]
    assert attempt["recovered_submitted"] is False
    assert any_agent.predictions() == {ROTA: ""}
    assert len(any_agent.trajectory()["messages"]) >= 4  # what it did until then is on record
    assert not is_living(NAP)


@pytest.mark.parametrize(("runner", "sandbox"), [RUNNERS[0], RUNNERS[2]])
def test_what_the_tree_held_is_the_prediction_only_where_that_is_asked_for(any_agent):
    with serving(calls(EDIT), BUSY["a command"]) as server:
        done = any_agent.run(server.url, "runner.wall_limit_s=6", "runner.submit_recovered=true")
    assert done.returncode == 0, done.stdout + done.stderr
    attempt = any_agent.attempt()
    assert (attempt["status"], attempt["recovered_submitted"]) == ("limit", True)
    assert attempt["model_patch"] == attempt["recovered_patch"]
    assert "+a new line" in any_agent.predictions()[ROTA]


@pytest.mark.docker
def test_a_recovered_patch_needs_no_free_lock_and_no_base_commit(boxed_agent):
    """A cut-off git leaves a lock; and images carry a commit of their own on top of the base commit."""
    locked = "echo more >> README.md; echo x > new; git add README.md; touch .git/index.lock"
    with serving(calls(locked), calls("true")) as server:
        done = boxed_agent.run(server.url, "runner.step_limit=2")
    assert done.returncode == 0, done.stdout + done.stderr
    attempt = boxed_agent.attempt()
    assert (attempt["status"], attempt["exit_status"]) == ("limit", "LimitsExceeded")
    assert "+more" in attempt["recovered_patch"]
    assert "b/new" in attempt["recovered_patch"]
