"""An agent in a directory of its own, and the rule that nothing of it is left."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contexttune.runners.mini.supervisor import warm_up
from tests.runners.mini.agents import BWRAP, DOCKER, Agent
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
    made = Agent(tmp_path, DOCKER)
    yield made
    left = settled(made.containers)
    if left:  # the next test is not to blame for them
        subprocess.run(["docker", "rm", "--force", *left], check=True, capture_output=True)
    assert left == []
    assert settled(made.processes) == []


@pytest.fixture
def any_agent(runner: str, request: pytest.FixtureRequest) -> Agent:
    """The one of the two that the test is run for: see `both_runners`."""
    made: Agent = request.getfixturevalue("agent" if runner == BWRAP else "boxed_agent")
    return made


def both_runners() -> pytest.MarkDecorator:
    """Run a test that asks for `any_agent` with the agent in bubblewrap, and with the one in Docker."""
    return pytest.mark.parametrize(
        "runner",
        [pytest.param(BWRAP, marks=pytest.mark.bwrap), pytest.param(DOCKER, marks=pytest.mark.docker)],
    )


def settled(listing: Callable[[], list[str]], within_s: float = 3.0) -> list[str]:
    """What is left when those that are ending have had their time."""
    ends = time.monotonic() + within_s
    while (left := listing()) and time.monotonic() < ends:
        time.sleep(0.1)
    return left
