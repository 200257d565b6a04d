"""Interrupts and kills: everything ends in time, nothing is left, and the same command goes on."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.agents.fixtures import settled
from tests.agents.outages import FINE
from tests.agents.scripted import APPTAINER, BWRAP, DOCKER, EDIT, PODMAN, ROTA, Agent, after, calls, is_living
from tests.command_line import Program
from tests.models.fault_server import Answer, serving, stall

pytestmark = pytest.mark.slow

NAP = f"sleep 305{uuid.uuid4().int % 10**9:09d}.5"  # nobody else on this machine sleeps so long
# what is under way when the blow falls
BUSY: dict[str, Answer] = {"a command": calls(f"{EDIT}; {NAP}"), "a stalled endpoint": stall(60)}
RUNNERS = [
    pytest.param(BWRAP, "bwrap", marks=pytest.mark.bwrap),
    pytest.param(BWRAP, "none"),
    pytest.param(DOCKER, "", marks=pytest.mark.docker),
    pytest.param(PODMAN, "", marks=pytest.mark.podman),
    pytest.param(APPTAINER, "", marks=pytest.mark.bwrap),
]


@pytest.fixture
def held_agent(any_agent: Agent, sandbox: str) -> Agent:
    # an answer that was recorded is given again: the second start is held up by the same command, not for a minute
    any_agent.overrides = ("runner.command_timeout_s=3", *([f"runner.sandbox={sandbox}"] if sandbox else []))
    return any_agent


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A temporary directory with a short path, as sockets need it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield Path(made)


def checkouts(scratch: Path) -> list[Path]:
    return [path for path in scratch.glob("contexttune-*") if (path / "testbed").exists()]


def wait_until(true: Callable[[], Any], within_s: float = 60) -> None:
    ends = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.05)


def started(
    agent: Agent,
    url: str,
    busy: str,
    n_requests: Callable[[], int],
    scratch: Path | None = None,
    *,
    is_fresh: bool = False,
) -> Program:
    """The program, at work on its second answer; `is_fresh`: as an interpreter of its own."""
    env = {"TMPDIR": str(scratch)} if scratch else {}
    program = agent.start(url, **env, **({"CONTEXTTUNE_FRESH": "1"} if is_fresh else {}))
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


@pytest.mark.parametrize(
    ("how", "busy", "runner", "sandbox", "is_fresh"),
    [
        # what differs between places is how a command under way is ended
        *(
            pytest.param(signal.SIGTERM, "a command", *place.values, False, marks=place.marks)
            for place in RUNNERS
        ),
        pytest.param(signal.SIGINT, "a command", *RUNNERS[0].values, True, marks=RUNNERS[0].marks),
        pytest.param(signal.SIGTERM, "a stalled endpoint", *RUNNERS[2].values, False, marks=RUNNERS[2].marks),
    ],
)
def test_an_interrupt_ends_all_within_15_s_and_the_same_command_goes_on(
    held_agent, scratch, how, busy, is_fresh
):
    with serving(calls("true"), BUSY[busy]) as server:
        program = started(
            held_agent, server.url, busy, lambda: len(server.requests), scratch, is_fresh=is_fresh
        )
        began = time.monotonic()
        program.send_signal(how)
        said, _ = program.communicate(timeout=15)
    assert time.monotonic() - began < 15
    assert program.returncode == 130, said
    assert "Traceback" not in said
    assert (
        settled(held_agent.processes, within_s=1) == []
    )  # no worker, and not the server they are forked from
    assert not is_living(NAP)
    assert held_agent.containers() == []
    assert checkouts(scratch) == []
    assert held_agent.predictions() == {}
    finishes(held_agent, scratch)
    assert settled(lambda: list(scratch.iterdir()), within_s=5) == []  # nor the sockets of either start


@pytest.mark.parametrize(("runner", "sandbox"), [RUNNERS[0], *RUNNERS[2:]])
def test_after_kill_9_no_worker_lives_on_and_the_next_start_sweeps(held_agent, scratch):
    with serving(calls("true"), BUSY["a command"]) as server:
        program = started(held_agent, server.url, "a command", lambda: len(server.requests), scratch)
        program.kill()
        program.wait()
    assert settled(held_agent.processes, within_s=5) == []
    # the container, or the checkout
    assert len(held_agent.containers() if held_agent.engine else checkouts(scratch)) == 1
    finishes(held_agent, scratch)
    assert not is_living(NAP)
    assert settled(lambda: list(scratch.iterdir()), within_s=5) == []  # nor the sockets of either start
    assert held_agent.containers() == []


@pytest.mark.docker
def test_a_second_start_leaves_the_first_ones_container_alone(boxed_agent):
    is_refused = threading.Event()
    with serving(calls("true"), after(lambda: is_refused.wait(60), FINE[0]), *FINE[1:]) as server:
        program = started(boxed_agent, server.url, "waiting", lambda: len(server.requests))
        second = boxed_agent.run(server.url)
        is_refused.set()
        said, _ = program.communicate(timeout=60)
    assert second.returncode == 3, second.stdout + second.stderr
    assert "is working on this run" in second.stdout + second.stderr
    assert program.returncode == 0, said
    assert boxed_agent.attempt()["status"] == "submitted"


@pytest.mark.docker
def test_an_interrupt_does_not_wait_for_images(boxed_agent, tmp_path):
    """A registry that stalls cannot be had from the engine, which has no network: its client does the stalling."""
    tools = tmp_path / "bin"
    tools.mkdir()
    client = tools / "docker"
    absent = "case $* in *'image inspect'*) exit 1;; pull*) exec sleep 3070.5;; esac"
    client.write_text(f'#!/bin/sh\n{absent}\nexec {shutil.which("docker")} "$@"\n')
    client.chmod(0o755)
    with serving(*FINE) as server:
        program = boxed_agent.start(server.url, PATH=f"{tools}:{os.environ['PATH']}")
        wait_until(lambda: is_living("sleep 3070.5") or program.poll() is not None)
        began = time.monotonic()
        program.send_signal(signal.SIGINT)
        said, _ = program.communicate(timeout=15)
    assert time.monotonic() - began < 15
    assert program.returncode == 130, said
    assert "pulling" in said
    assert settled(lambda: [1] if is_living("sleep 3070.5") else [], within_s=3) == []
    assert server.requests == []
