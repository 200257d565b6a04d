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
    """The one that the test is run for, by one of the marks below.

    What differs by engine, and so has a test with each (`every_runner`, `every_engine`): the start of a container and
    its limits; `exec`, with odd bytes and large amounts on its standard streams; what an exec and the state of a
    container that is gone say; killing all of its processes at a time limit or an interrupt; removing it, and sweeping
    it after kill -9; the image's digest and its pull; the network, the proxies and the environment inside; an engine
    that stops. Behind an exec all is the same: the same shells run the same scripts in the same image. What is about
    those, about commands that an agent replaces, or about the patch has a test `in_docker`, and one in bubblewrap
    where the checkout has code of its own (`both_runners`). Endpoints, journals, limits and trajectories know no
    places: bubblewrap, which is the cheapest, stands for all.
    """
    made: Agent = request.getfixturevalue(
        {
            BWRAP: "agent",
            DOCKER: "boxed_agent",
            PODMAN: "podman_agent",
            APPTAINER: "apptainer_agent",
        }[runner]
    )
    return made


IN_BUBBLEWRAP = pytest.param(BWRAP, marks=pytest.mark.bwrap)
IN_DOCKER = pytest.param(DOCKER, marks=pytest.mark.docker)
ENGINES = [IN_DOCKER, pytest.param(PODMAN, marks=pytest.mark.podman)]
PLACES = [IN_BUBBLEWRAP, *ENGINES, pytest.param(APPTAINER, marks=pytest.mark.bwrap)]


def in_bubblewrap() -> pytest.MarkDecorator:
    """Run a test that asks for `any_agent` with the agent in bubblewrap."""
    return pytest.mark.parametrize("runner", [IN_BUBBLEWRAP])


def in_docker() -> pytest.MarkDecorator:
    """The same with the one in Docker."""
    return pytest.mark.parametrize("runner", [IN_DOCKER])


def both_runners() -> pytest.MarkDecorator:
    """The same with one after the other."""
    return pytest.mark.parametrize("runner", [IN_BUBBLEWRAP, IN_DOCKER])


def every_engine() -> pytest.MarkDecorator:
    """The same in each kind of container: for what the engine does."""
    return pytest.mark.parametrize("runner", ENGINES)


def every_runner() -> pytest.MarkDecorator:
    """The same in each place: for what depends on where commands run."""
    return pytest.mark.parametrize("runner", PLACES)


def settled(listing: Callable[[], list[str]], within_s: float = 3.0) -> list[str]:
    """What is left when those that are ending have had their time."""
    ends = time.monotonic() + within_s
    while (left := listing()) and time.monotonic() < ends:
        time.sleep(0.1)
    return left
