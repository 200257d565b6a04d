"""A checkout in a real sandbox, used without an agent."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contexttune.repos.workspace import Workspace
from contexttune.sandbox.bubblewrap import find_bwrap
from contexttune.sandbox.testbed import CheckoutTestbed, checkout_testbed
from contexttune.types import Instance
from tests.gitrepos import commit, workspace

FILES = {"a.py": "x = 1\n", "README.md": "read me\n", "pkg/b.py": "y = 1\n"}


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, Instance]:
    root = tmp_path_factory.mktemp("attack")
    root.chmod(0o755)
    sha = commit(root / "remotes" / "r", FILES)
    made = workspace(root / "cache", root / "remotes")
    made.mirror("o/r", sha)
    return made, Instance(instance_id="r-1", repo="o/r", base_commit=sha, problem_statement="")


@contextmanager
def opened(origin: tuple[Workspace, Instance]) -> Iterator[CheckoutTestbed]:
    """A testbed in bubblewrap."""
    made, instance = origin
    with checkout_testbed(made, instance, "attack", find_bwrap()) as testbed:
        yield testbed


@pytest.fixture
def testbed(
    origin: tuple[Workspace, Instance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[CheckoutTestbed]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with opened(origin) as made:
        yield made
