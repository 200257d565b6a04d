"""The demo's files are what scripts/build_demo.py makes of scripts/demo."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from contexttune.repos.git import git, network

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "build_demo.py"
DEMO = ROOT / "contexttune" / "demo"
Clone = Callable[[Path, str], Path]

OWNER = "ctdemo"
REPOS = ["inkfile", "rota", "tablet"]


@pytest.fixture(scope="module")
def rebuilt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out: Path = tmp_path_factory.mktemp("demo")
    subprocess.run([sys.executable, SCRIPT, "--out", out], check=True, capture_output=True)
    return out


@pytest.fixture
def clone_of(tmp_path: Path) -> Clone:
    """A bare clone of a bundle, the way a mirror is made."""

    def clone(demo: Path, name: str) -> Path:
        target = tmp_path / f"{name}.git"
        git("clone", "-q", "--bare", demo / "repos" / f"{OWNER}__{name}.bundle", target, env=network())
        return target

    return clone


def _commits(bare: Path) -> list[str]:
    return (
        git("--git-dir", bare, "log", "--format=%H %an %ad %cn %cd %s", "--date=raw", "main")
        .decode()
        .splitlines()
    )


@pytest.mark.parametrize("name", REPOS)
def test_a_rebuild_has_the_commits_of_the_bundle(
    rebuilt: Path, clone_of: Clone, tmp_path: Path, name: str
) -> None:
    shipped = _commits(clone_of(DEMO, name))
    fresh = tmp_path / "fresh.git"
    git("clone", "-q", "--bare", rebuilt / "repos" / f"{OWNER}__{name}.bundle", fresh, env=network())
    assert _commits(fresh) == shipped


def test_a_rebuild_writes_the_task_repository_that_ships(rebuilt: Path) -> None:
    paths = sorted(path.relative_to(rebuilt) for path in (rebuilt / "tasks").rglob("*") if path.is_file())
    shipped = sorted(path.relative_to(DEMO) for path in (DEMO / "tasks").rglob("*") if path.is_file())
    assert paths == shipped
    assert len({path.parts[1] for path in paths}) == 6
    for path in [*paths, Path("sweb.yaml")]:
        assert (rebuilt / path).read_bytes() == (DEMO / path).read_bytes(), path


@pytest.mark.parametrize("name", REPOS)
def test_a_history_is_linear_dated_in_order_and_holds_the_fixes(clone_of: Clone, name: str) -> None:
    bare = clone_of(DEMO, name)
    assert git("--git-dir", bare, "symbolic-ref", "HEAD").decode().strip() == "refs/heads/main"
    log = git("--git-dir", bare, "log", "--reverse", "--format=%H %P %at %ct", "main").decode().splitlines()
    rows = [line.split() for line in log]
    assert 8 <= len(rows) <= 14
    assert [len(row) for row in rows] == [3] + [4] * (len(rows) - 1), "a commit has two parents"
    dates = [int(row[-1]) for row in rows]
    assert dates == sorted(set(dates))
    assert all(row[-1] == row[-2] for row in rows), "a committer date is not the author date"


@pytest.mark.parametrize("name", REPOS)
def test_a_bundle_is_small(name: str) -> None:
    assert (DEMO / "repos" / f"{OWNER}__{name}.bundle").stat().st_size < 60_000
