"""An agent in a directory of its own, and the rule that nothing of it is left."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contexttune.runners.mini.supervisor import warm_up
from tests.runners.mini.agents import BWRAP, DOCKER, PODMAN, Agent
from tests.runners.mini.engines import own_engine

__all__ = ["agent", "any_agent", "boxed_agent", "own_engine", "warm"]


@pytest.fixture(scope="session")
def warm() -> None:
    """The server of workers has its sockets where temporary files are, and not where a test puts these."""
    warm_up()


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
        {BWRAP: "agent", DOCKER: "boxed_agent", PODMAN: "podman_agent"}[runner]
    )
    return made


def both_runners() -> pytest.MarkDecorator:
    """Run a test that asks for `any_agent` with the agent in bubblewrap, and with the one in Docker."""
    return pytest.mark.parametrize(
        "runner",
        [pytest.param(BWRAP, marks=pytest.mark.bwrap), _ENGINES[0]],
    )


def every_runner() -> pytest.MarkDecorator:
    """The same, and with the one in podman too: for what depends on where commands run."""
    return pytest.mark.parametrize("runner", [pytest.param(BWRAP, marks=pytest.mark.bwrap), *_ENGINES])


def every_engine() -> pytest.MarkDecorator:
    """Run a test that asks for `any_agent` with the agent in each kind of container."""
    return pytest.mark.parametrize("runner", _ENGINES)


_ENGINES = [
    pytest.param(DOCKER, marks=pytest.mark.docker),
    pytest.param(PODMAN, marks=pytest.mark.podman),
]


def settled(listing: Callable[[], list[str]], within_s: float = 3.0) -> list[str]:
    """What is left when those that are ending have had their time."""
    ends = time.monotonic() + within_s
    while (left := listing()) and time.monotonic() < ends:
        time.sleep(0.1)
    return left
