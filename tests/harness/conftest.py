"""The toy task repo, and its images."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contexttune.types import GoldInstance
from tests.harness import toy_tasks


@pytest.fixture(scope="session")
def toy_repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task repo in a directory of its own."""
    return toy_tasks.make(tmp_path_factory.mktemp("toy") / "tasks-repo")


@pytest.fixture(scope="session")
def instances(toy_repo: Path) -> list[GoldInstance]:
    """The instances of the toy task repo."""
    return toy_tasks.instances(toy_repo)


@pytest.fixture(scope="session")
def toy_images(toy_repo: Path, build_images: Callable[..., None]) -> None:
    """Images of the toy tasks in the Docker engine."""
    build_images("--tasks", str(toy_repo))


@pytest.fixture
def no_containers_left() -> Iterator[None]:
    """Fail when a toy container outlives the test."""
    yield
    left = toy_tasks.containers()
    if left:  # the next test is not to blame for them
        subprocess.run(["docker", "rm", "--force", *left], check=True, capture_output=True)
    assert left == []
