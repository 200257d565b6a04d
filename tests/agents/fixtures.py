"""An agent in a directory of its own, and the rule that nothing of it is left."""

from __future__ import annotations

import json
import os
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contexttune.config.schema import SliceConfig
from contexttune.instances.slices import load
from contexttune.paths import Layout
from contexttune.repos.workspace import Workspace
from contexttune.runners.mini.mini_runner import PRELOAD
from contexttune.runners.supervisor import fork_server
from tests.agents.engines import own_engine
from tests.agents.scripted import APPTAINER, BWRAP, DEMO, DOCKER, PODMAN, ROTA, TABLET, Agent
from tests.conftest import ROOT

__all__ = ["agent", "any_agent", "boxed_agent", "own_engine", "warm"]


@pytest.fixture(scope="session")
def warm() -> None:
    """The server of workers has its sockets where temporary files are, and not where a test puts these."""
    fork_server(PRELOAD)


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    """The agent in bubblewrap; its processes must be gone at the end."""
    made = Agent(tmp_path, BWRAP)
    yield made
    assert settled(made.processes) == []


@pytest.fixture
def boxed_agent(tmp_path: Path, demo_images: None) -> Iterator[Agent]:
    """The agent in Docker; its processes and containers must be gone at the end."""
    yield from _boxed(Agent(tmp_path, DOCKER, "docker"))


@pytest.fixture
def podman_agent(tmp_path: Path, podman_images: None) -> Iterator[Agent]:
    """The same in podman."""
    yield from _boxed(Agent(tmp_path, DOCKER, "podman"))


@pytest.fixture(scope="session")
def image_layers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Image -> archives of its files, for the stand-in for apptainer."""
    folder = tmp_path_factory.mktemp("layers")
    script = runpy.run_path(str(ROOT / "scripts" / "demo_images.py"))
    script["write_rootfs"](folder / "base.tar", None)
    layers = {}
    for instance in load(SliceConfig(name="demo", dataset=str(DEMO), instance_ids=[ROTA, TABLET])):
        checkout, layer = folder / instance.instance_id / "testbed", folder / f"{instance.instance_id}.tar"
        cache = Layout(cache=folder / "cache", artifacts=folder, results=folder)
        remote = f"{DEMO}/repos/{{owner}}__{{name}}.bundle"
        Workspace(layout=cache, remote=remote).agent_checkout(instance.repo, instance.base_commit, checkout)
        subprocess.run(["tar", "--create", "--file", layer, "testbed"], cwd=checkout.parent, check=True)
        layers[instance.image] = [str(folder / "base.tar"), str(layer)]
    return layers


@pytest.fixture
def apptainer_agent(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, image_layers: dict[str, list[str]]
) -> Iterator[Agent]:
    """The agent in what stands in for apptainer, called singularity."""
    if os.getuid() != 0 or shutil.which("nsenter") is None:
        pytest.skip("needs root and nsenter")
    home = tmp_path_factory.mktemp("apptainer")
    for part in ("instances", "registry"):
        (home / part).mkdir()
    command = home / "singularity"
    stand_in = Path(__file__).with_name("apptainer_stand_in.py")
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{stand_in}" "{home}" "$@"\n')
    command.chmod(0o755)
    made = Agent(tmp_path, DOCKER, APPTAINER, str(command))
    for image, layers in image_layers.items():
        publish(made, image, layers)
    yield made
    left = settled(made.containers)
    for name in left:
        subprocess.run([command, "instance", "stop", "--force", name], check=True)
    assert left == []
    assert settled(made.processes) == []


def publish(agent: Agent, image: str, layers: list[str]) -> None:
    """Let the stand-in's registry have an image."""
    (Path(str(agent.command)).parent / "registry" / image.replace("/", "_")).write_text(json.dumps(layers))


def _boxed(made: Agent) -> Iterator[Agent]:
    yield made
    left = settled(made.containers)
    if left:  # the next test is not to blame for them
        subprocess.run([made.engine, "rm", "--force", *left], check=True, capture_output=True)
    assert left == []
    assert settled(made.processes) == []


@pytest.fixture
def any_agent(runner: str, request: pytest.FixtureRequest) -> Agent:
    """The one that the test is run for: see `both_runners`, `every_engine`."""
    made: Agent = request.getfixturevalue(
        {
            BWRAP: "agent",
            DOCKER: "boxed_agent",
            PODMAN: "podman_agent",
            APPTAINER: "apptainer_agent",
        }[runner]
    )
    return made


def both_runners() -> pytest.MarkDecorator:
    """Run a test that asks for `any_agent` with the agent in bubblewrap, and with the one in Docker."""
    return pytest.mark.parametrize(
        "runner",
        [pytest.param(BWRAP, marks=pytest.mark.bwrap), _ENGINES[0]],
    )


def every_runner() -> pytest.MarkDecorator:
    """The same, and with podman and apptainer's stand-in too: for what depends on where commands run."""
    return pytest.mark.parametrize(
        "runner", [pytest.param(BWRAP, marks=pytest.mark.bwrap), *_ENGINES, _STAND_IN]
    )


def every_engine() -> pytest.MarkDecorator:
    """Run a test that asks for `any_agent` with the agent in each kind of container."""
    return pytest.mark.parametrize("runner", _ENGINES)


_ENGINES = [
    pytest.param(DOCKER, marks=pytest.mark.docker),
    pytest.param(PODMAN, marks=pytest.mark.podman),
]
_STAND_IN = pytest.param(APPTAINER, marks=pytest.mark.bwrap)


def settled(listing: Callable[[], list[str]], within_s: float = 3.0) -> list[str]:
    """What is left when those that are ending have had their time."""
    ends = time.monotonic() + within_s
    while (left := listing()) and time.monotonic() < ends:
        time.sleep(0.1)
    return left
