"""The Docker engine is killed under an attempt: an outage that shows the model nothing and is paid for once."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from contexttune.errors import InfraError
from contexttune.sandbox.persistent_shell import PersistentShell
from tests.agents.engines import start_engine
from tests.agents.outages import FINE
from tests.agents.scripted import DOCKER, calls
from tests.models.fault_server import serving

WORKED = "echo worked >> /tmp/worked; cat /tmp/worked"
LONG = f": '{'x' * 40_000}'; sleep 6; echo survived"  # too long for the persistent shell


def kill_engine(folder: Path) -> None:
    """SIGKILL to the engine and to what it has started, of which nothing is left to remove its containers."""
    pid = int((folder / "dockerd.pid").read_text())
    os.kill(pid, signal.SIGKILL)
    (folder / "dockerd.pid").unlink()
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.05)


@pytest.fixture
def mortal_engine(own_engine):
    folder, env = own_engine
    yield folder, env
    if not (folder / "dockerd.pid").exists():
        start_engine(folder)  # removes the containers of the one before


@pytest.mark.slow
@pytest.mark.docker
@pytest.mark.skipif(
    not os.environ.get("CONTEXTTUNE_KILL_ENGINES"),
    reason="a killed engine does not always start again in time: set CONTEXTTUNE_KILL_ENGINES=1",
)
@pytest.mark.parametrize("command", ["sleep 6; echo survived", LONG], ids=["short", "long"])
def test_a_killed_engine_is_an_outage_whose_calls_are_not_paid_again(agent, mortal_engine, command):
    folder, env = mortal_engine
    agent.runner, agent.engine = DOCKER, "docker"

    def kill_soon(handler) -> None:
        calls(command)(handler)
        threading.Timer(2, kill_engine, [folder]).start()

    with serving(calls(WORKED), kill_soon, *FINE) as server:
        done = agent.run(server.url, **env)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert agent.attempt()["status"] == "infra_error"
    assert len(server.requests) == 2, "the model was shown an observation of an engine that was gone"
    start_engine(folder)
    with serving(*FINE) as sound:
        done = agent.run(sound.url, **env)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(sound.requests) == len(FINE), "an answer was paid for twice"
    assert agent.observations()[:2] == ["worked\n", "survived\n"]
    assert (agent.attempt()["status"], agent.attempt()["n_calls"]) == ("submitted", 4)
    assert agent.containers() == []


def test_a_client_that_loses_its_engine_has_no_result():
    """The engine may be back before anybody can ask it, with its containers (`live-restore`)."""
    shell = PersistentShell(["sh", "-c", "read line; read line; exit 255"], "/")
    with pytest.raises(InfraError, match="engine"):
        shell.run("true", 20, 100, grace_s=10)
    shell.close()


def test_a_shell_that_a_command_kills_has_one():
    shell = PersistentShell(["sh", "-c", "read line; read line; exit 137"], "/")
    done = shell.run("true", 20, 100, grace_s=10)
    assert done is not None
    assert done.returncode == 137
    shell.close()


def test_an_engine_that_lists_nothing_does_not_make_a_commit_without_files(tmp_path):
    from contexttune.sandbox.docker import Docker, DockerContainer
    from contexttune.sandbox.engine import Limits

    engine = Docker(executable="false", limits=Limits(), run_args=[], images=tmp_path)
    with pytest.raises(InfraError):
        engine.listing(DockerContainer(executable="false", name="gone"))
