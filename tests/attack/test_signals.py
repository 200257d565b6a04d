"""Signals at any moment, once or twice, to the program or to its group: nothing is left, and the exit code is 130."""

from __future__ import annotations

import json
import multiprocessing
import os
import pty
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.agents.fixtures import both_runners, settled
from tests.agents.outages import FINE
from tests.agents.scripted import BWRAP, DOCKER, ROTA, Agent, after, calls, is_living, living
from tests.command_line import Program, environment, start
from tests.harness import toy_tasks
from tests.harness.conftest import instances, no_containers_left, toy_images, toy_repo
from tests.models.fault_server import serving
from tests.runners.test_supervisor import NAP, finishes, scratch, started, wait_until

__all__ = ["instances", "no_containers_left", "scratch", "toy_images", "toy_repo"]

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("CONTEXTTUNE_SIGNALS", "3"))  # each takes seconds
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
DEMO = ("-m", "experiment=demo", "slice.limit=2")
IN_DOCKER = (*DEMO, "harness=swebench_docker", "runner=mini_swe_agent_swebench")


@pytest.fixture(autouse=True)
def in_fresh_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has the environment of its server in /proc, by which tests find the processes of an agent."""
    monkeypatch.setenv("CONTEXTTUNE_FRESH", "1")


def strike(program: Program, number: signal.Signals, *, to_group: bool = False, again_s: float | None = None):
    """Send a signal, and again after `again_s` seconds."""
    send = os.killpg if to_group else os.kill
    for wait_s in (0.0, again_s):
        if wait_s is not None:
            time.sleep(wait_s)
            if program.poll() is None:
                send(program.pid, number)


def nothing_is_left(agent: Agent, scratch: Path) -> None:
    assert settled(agent.processes, within_s=5) == []
    assert settled(lambda: list(map(str, scratch.iterdir())), within_s=5) == []
    assert agent.containers() == []


def ends(program: Program, within_s: float = 30) -> str:
    """Everything that an interrupted program printed."""
    said, _ = program.communicate(timeout=within_s)
    assert program.returncode == 130, said
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    return said


def graded_in_docker(root: Path) -> list[str]:
    """Names of containers of the harness's runs below `root`."""
    names = subprocess.run(
        ["docker", "ps", "--all", "--format", "{{.Names}}"], capture_output=True, text=True, check=True
    ).stdout.split()
    runs = [path.name for path in root.rglob("ct-*")]
    return [name for name in names if any(run in name for run in runs)]


@pytest.mark.parametrize(
    "arguments",
    [pytest.param(DEMO, marks=pytest.mark.bwrap), pytest.param(IN_DOCKER, marks=pytest.mark.docker)],
    ids=["bwrap", "docker"],
)
def test_a_random_moment(tmp_path, scratch, arguments, request):
    """The start, an attempt, the grading, the closing table: as the first round measures."""
    if arguments is IN_DOCKER:
        request.getfixturevalue("demo_images")
    moments = random.Random(22)
    took_s = 0.0
    for number in range(ROUNDS + 1):
        root = tmp_path / str(number)
        root.mkdir()
        agent = Agent(root, engine="docker" if arguments is IN_DOCKER else "")
        env = {"TMPDIR": str(scratch), "CONTEXTTUNE_TEST_MARK": agent.mark}
        began = time.monotonic()
        program = start(*arguments, f"paths.cache={tmp_path}/cache", cwd=root, **env)
        if not number:
            said, _ = program.communicate(timeout=300)
            assert program.returncode == 0, said
            took_s = time.monotonic() - began
            continue
        until = began + moments.uniform(0.1, took_s)
        while program.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        kind, again_s = moments.choice(ENDING), moments.choice((None, 0, 0.3))
        strike(program, kind, to_group=moments.random() < 0.5, again_s=again_s)
        if program.poll() != 0:  # not over before
            ends(program)
        nothing_is_left(agent, scratch)
        assert graded_in_docker(root) == [] if arguments is IN_DOCKER else True


@pytest.mark.parametrize(
    ("runner", "number", "again_s"),
    [
        pytest.param(BWRAP, signal.SIGHUP, 0.2, marks=pytest.mark.bwrap),
        pytest.param(BWRAP, signal.SIGUSR1, None, marks=pytest.mark.bwrap),
        pytest.param(DOCKER, signal.SIGTERM, 0.2, marks=pytest.mark.docker),
        pytest.param(DOCKER, signal.SIGUSR1, 0.2, marks=pytest.mark.docker),
        pytest.param(DOCKER, signal.SIGHUP, None, marks=pytest.mark.docker),
    ],
)
def test_an_attempt(any_agent, scratch, number, again_s):
    with serving(calls("true"), calls(NAP)) as server:
        program = started(any_agent, server.url, "a command", lambda: len(server.requests), scratch)
        strike(program, number, again_s=again_s)
        ends(program)
    assert not is_living(NAP)
    nothing_is_left(any_agent, scratch)


GIT = f"d=${{PATH%%:*}}; mkdir -p $d; rm -f $d/git; printf '#!/bin/sh\\nexec {NAP}\\n' > $d/git; chmod +x $d/git"
MANY = "for i in $(seq 60); do truncate -s 190M large$i; done"


@pytest.mark.parametrize(
    ("runner", "change", "collecting"),
    [
        pytest.param(DOCKER, GIT, NAP, marks=pytest.mark.docker),
        pytest.param(
            BWRAP, MANY, "git add --all --ignore-errors --pathspec-from-file", marks=pytest.mark.bwrap
        ),
    ],
    ids=["docker", "bwrap"],  # NAP differs between processes
)
def test_a_patch_that_takes_long_to_collect(any_agent, scratch, change, collecting):
    """The container or checkout of an attempt goes, even if a thread still waits for its diff."""
    with serving(calls(change), *FINE) as server:
        program = any_agent.start(server.url, "runner.step_limit=1", TMPDIR=str(scratch))
        wait_until(lambda: is_living(collecting) or program.poll() is not None)
        strike(program, signal.SIGTERM, again_s=1.0)
        ends(program)
    nothing_is_left(any_agent, scratch)
    assert list(any_agent.root.glob("artifacts/preds/g/*/*/attempt.json")) == []
    assert any_agent.predictions() == {}


@both_runners()
def test_a_signal_to_every_process_is_no_limit_of_time(any_agent, scratch):
    """As scancel, systemd and `docker stop` send it: the workers, in sessions of their own, get it too."""
    any_agent.overrides = ("runner.command_timeout_s=5",)
    with serving(calls("true"), calls(NAP)) as server:
        program = started(any_agent, server.url, "a command", lambda: len(server.requests), scratch)
        os.kill(program.pid, signal.SIGSTOP)  # so that it sees first what its worker reports
        for pid, _ in living():
            if pid != program.pid and any_agent.mark.encode() in environ(pid):
                os.kill(pid, signal.SIGTERM)
        time.sleep(1)
        os.kill(program.pid, signal.SIGTERM)
        os.kill(program.pid, signal.SIGCONT)
        ends(program)
    assert any_agent.predictions() == {}
    nothing_is_left(any_agent, scratch)
    finishes(any_agent, scratch)


@pytest.mark.bwrap
def test_a_worker_that_is_ended_from_outside_has_not_used_its_time(agent):
    def terminate() -> None:
        for worker in multiprocessing.active_children():
            os.kill(worker.pid or 0, signal.SIGTERM)

    with serving(calls("true"), after(terminate, calls("sleep 60"))) as server:
        records = agent.infer(server.url)
    assert records[ROTA]["status"] == "infra_error"


def environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


@pytest.mark.docker
def test_the_command_timeout(boxed_agent, scratch):
    """It sends SIGTERM to the program, and then to its group."""
    with serving(calls("true"), calls(NAP)) as server:
        arguments = boxed_agent.arguments(f"slice.instance_ids=[{ROTA}]")
        env = {"OPENAI_BASE_URL": server.url, "CONTEXTTUNE_TEST_MARK": boxed_agent.mark}
        limited = subprocess.Popen(
            ["timeout", "--preserve-status", "600", sys.executable, "-m", "contexttune", *arguments],
            cwd=boxed_agent.root,
            env=environment(**env, TMPDIR=str(scratch)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until(lambda: is_living(NAP) or limited.poll() is not None)
        limited.send_signal(signal.SIGTERM)  # handled as its own limit is
        ends(limited)
    nothing_is_left(boxed_agent, scratch)


@pytest.mark.bwrap
def test_a_terminal_that_is_closed(agent, scratch):
    with serving(calls("true"), calls(NAP)) as server:
        arguments = agent.arguments(f"slice.instance_ids=[{ROTA}]")
        env = environment(
            OPENAI_BASE_URL=server.url, CONTEXTTUNE_TEST_MARK=agent.mark, TMPDIR=str(scratch), TERM="xterm"
        )
        ours, theirs = pty.openpty()
        program = subprocess.Popen(
            ["setsid", "--ctty", "--wait", sys.executable, "-m", "contexttune", *arguments],
            cwd=agent.root,
            env=env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        wait_until(lambda: is_living(NAP) or program.poll() is not None)
        os.close(ours)
        assert program.wait(timeout=30) == 130
    nothing_is_left(agent, scratch)


@pytest.mark.bwrap
def test_a_signal_that_the_caller_ignores_is_ignored(agent, scratch):
    with serving(calls("true"), calls("sleep 2"), *FINE) as server:
        arguments = agent.arguments(f"slice.instance_ids=[{ROTA}]")
        env = {"OPENAI_BASE_URL": server.url, "CONTEXTTUNE_TEST_MARK": agent.mark}
        program = subprocess.Popen(
            ["nohup", sys.executable, "-m", "contexttune", *arguments],
            cwd=agent.root,
            env=environment(**env, TMPDIR=str(scratch)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        wait_until(lambda: len(server.requests) == 2 or program.poll() is not None)
        program.send_signal(signal.SIGHUP)
        said, _ = program.communicate(timeout=60)
    assert program.returncode == 0, said
    nothing_is_left(agent, scratch)


def slow_rows(root: Path, instances: list[Any]) -> Path:
    """A task whose reference patch takes the tests half a minute."""
    path = root / "rows.jsonl"
    path.write_text(json.dumps({**instances[0].row, "patch": toy_tasks.slow(30)}) + "\n")
    return path


@pytest.mark.parametrize(
    ("harness", "number", "again_s"),
    [
        pytest.param("local", signal.SIGTERM, 0.2, marks=pytest.mark.bwrap),
        pytest.param("local", signal.SIGUSR1, None, marks=pytest.mark.bwrap),
        pytest.param("swebench_docker", signal.SIGTERM, 0.2, marks=pytest.mark.docker),
        pytest.param("swebench_docker", signal.SIGHUP, None, marks=pytest.mark.docker),
    ],
)
def test_grading(tmp_path, scratch, toy_repo, instances, harness, number, again_s, request):
    if harness == "swebench_docker":
        if "CONTEXTTUNE_SIGNALS" not in os.environ:
            pytest.skip("other tests look for containers of the same tasks: set CONTEXTTUNE_SIGNALS=3")
        request.getfixturevalue("toy_images")
        request.getfixturevalue("no_containers_left")
    agent = Agent(tmp_path)
    remote = f"workspace.remote='{toy_repo}/repos/{{owner}}__{{name}}.bundle'"
    arguments = ("runner=gold", "condition=no_context", f"harness={harness}", remote)
    env = {"TMPDIR": str(scratch), "CONTEXTTUNE_TEST_MARK": agent.mark}
    dataset = f"slice.dataset={slow_rows(tmp_path, instances)}"
    program = start(*arguments, "slice=custom", dataset, cwd=tmp_path, **env)

    def is_testing() -> bool:
        return is_living("unittest -v tests.test_core") or program.poll() is not None

    wait_until(is_testing)
    began = time.monotonic()
    strike(program, number, again_s=again_s)
    ends(program)
    assert time.monotonic() - began < 15
    nothing_is_left(agent, scratch)


@pytest.mark.parametrize(
    ("number", "again_s"), [(signal.SIGINT, None), (signal.SIGTERM, 0.2), (signal.SIGHUP, 0.2)]
)
def test_the_closing_table(tmp_path, scratch, number, again_s):
    held = (
        "import sys, time; from contexttune.report import tables; from contexttune.__main__ import main\n"
        "def show(*_):\n"
        "    print('the table', flush=True); time.sleep(60)\n"
        "tables.show = show; sys.argv[0] = '-m'; main()"
    )
    arguments = ("slice=demo", "slice.limit=1", "harness=none", "runner=gold", "condition=no_context")
    program = subprocess.Popen(
        [sys.executable, "-c", held, *arguments],
        cwd=tmp_path,
        env=environment(TMPDIR=str(scratch)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert program.stdout is not None
    for line in program.stdout:
        if "the table" in line:
            break
    strike(program, number, again_s=again_s)
    assert "run the same command again" in ends(program)
    assert list(scratch.iterdir()) == []


SWALLOWS = """
import os, signal, sys, time
from contexttune.launch import interrupts
interrupts.install()
class Careless:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.1)
try:
    {}
    time.sleep(30)
except KeyboardInterrupt:
    os.kill(os.getpid(), signal.SIGTERM)  # ignored: this block cleans up
    time.sleep(3)
    print("cleaned up", flush=True)
    interrupts.end_process(130)
"""


@pytest.mark.parametrize(
    "swallows",
    ["Careless()", "exec('try: os.kill(os.getpid(), signal.SIGTERM); time.sleep(9)\\nexcept: pass')"],
)
def test_an_interrupt_that_is_swallowed_is_repeated(swallows):
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", SWALLOWS.format(swallows)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "cleaned up\n", "")
    assert time.monotonic() - began < 20


@pytest.mark.bwrap
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_job_of_a_local_launcher(agent, scratch, number):
    with serving(calls("true"), calls(NAP)) as server:
        arguments = ("-m", "hydra/launcher=submitit_local", *agent.arguments(f"slice.instance_ids=[{ROTA}]"))
        env = {"OPENAI_BASE_URL": server.url, "CONTEXTTUNE_TEST_MARK": agent.mark, "TMPDIR": str(scratch)}
        program = start(*arguments, cwd=agent.root, **env)
        wait_until(lambda: is_living(NAP) or program.poll() is not None)
        (path,) = agent.root.glob("multirun/*/*/*/job.json")
        pid = json.loads(path.read_text())["process"]["pid"]
        for _ in range(2):
            with suppress(ProcessLookupError):  # the first may have sufficed
                os.kill(pid, number)
            time.sleep(0.2)
        said, _ = program.communicate(timeout=60)
    assert program.returncode == 4, said
    assert json.loads(path.read_text())["exit_code"] == 130
    assert "it was interrupted" in said
    nothing_is_left(agent, scratch)
