"""Eight processes at once on one cache that holds nothing: no error, one clone, and what one process would have made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from contexttune.repos.git import git
from tests.command_line import contexttune, start
from tests.gitrepos import commit

N = 8
STAGES = (
    "slice=custom",
    "slice.dataset=rows.jsonl",
    "stages=[signals,context]",
    "condition=baseline_context",
)
COLUMNS = "version FAIL_TO_PASS PASS_TO_PASS image eval_script log_parser eval_type patch test_patch"


@pytest.fixture(scope="module")
def commits(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """(a folder of repositories, commits of the one in it): a package that grows and changes."""
    folder = tmp_path_factory.mktemp("remotes")
    made = []
    for number in range(3 * N):
        body = "".join(f"def f{n}(x):\n    return x + {number % 5}\n\n\n" for n in range(40))
        files = {f"lib/m{number + k}.py": f"import lib.m{number}\n\n\n{body}" for k in range(20)}
        made.append(commit(folder / "lib", files, f"change {number}", day=1 + number % 28))
    return folder, made[-N:]


def write_rows(root: Path, shas: list[str], statement: str = "x") -> None:
    rows = [
        dict.fromkeys(COLUMNS.split(), "[]")
        | {
            "instance_id": f"owner__lib-{n}",
            "repo": "owner/lib",
            "base_commit": sha,
            "problem_statement": statement,
        }
        for n, sha in enumerate(shas)
    ]
    root.mkdir(exist_ok=True)
    (root / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def artifacts(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in (root / "artifacts").rglob("*")
        if path.is_file()
    }


def signals_of(made: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in made.items() if name.endswith("signals.json")}


@pytest.fixture(scope="module")
def alone(commits: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process makes of all the commits."""
    root = tmp_path_factory.mktemp("alone")
    folder, shas = commits
    write_rows(root, shas)
    done = contexttune(*STAGES, remote(folder), cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return artifacts(root)


def remote(folder: Path) -> str:
    return f'workspace.remote="file://{folder}/{{name}}"'


@pytest.mark.slow
@pytest.mark.parametrize("round_", range(2))
def test_eight_runs_at_once_clone_once(tmp_path, commits, alone, round_):
    folder, shas = commits
    write_rows(tmp_path, shas)
    each = [(f"slice.instance_ids=[owner__lib-{n}]", f"group_id=g{n}") for n in range(N)]
    running = [start(*STAGES, remote(folder), *own, cwd=tmp_path) for own in each]
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * N, said
    everything = "".join(said)
    assert everything.count("cloning file://") == 1
    for words in ("fetching", "Traceback", "could not be", "is damaged", "locked"):
        assert words not in everything
    assert artifacts(tmp_path) == alone
    assert [p.name for p in (tmp_path / "cache/mirrors").iterdir() if p.is_dir()] == ["owner__lib.git"]
    git("--git-dir", tmp_path / "cache/mirrors/owner__lib.git", "fsck", "--full", "--strict")


# Imports first, so that all of them begin in the same moment: when the standard input ends.
DRIVER = """
import errno, fcntl, os, sys
if os.environ.get("NO_LOCKS"):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")
    fcntl.flock = flock
from pathlib import Path
from contexttune.repos.git import git
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.py_index import PyIndex
from contexttune.signals.extraction import write_signals
from contexttune.signals.test_manifest import TestManifest
from contexttune.signals.tree import FileTree
from tests.gitrepos import layout, workspace
import logging
root, remotes, *shas = sys.argv[1:]
logging.basicConfig(level="INFO", format="%(message)s")
print("ready", flush=True)
sys.stdin.read()
space = workspace(Path(root), Path(remotes))
for sha in shas:
    signals = [FileTree(), PyIndex(), TestManifest(), HotPaths()]
    path = layout(Path(root)).signals("owner/lib", sha)
    write_signals(space.tree("owner/lib", sha), signals, path)
"""


def drive(root: Path, folder: Path, orders: list[list[str]], **env: str) -> str:
    """What the drivers said, one for each order of commits, all begun at once."""
    command = [sys.executable, "-c", DRIVER, str(root), str(folder)]
    path = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    running = [
        subprocess.Popen(
            [*command, *order],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **path, **env},
        )
        for order in orders
    ]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    said = [process.communicate(timeout=300)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(orders), said
    return "".join(said)


@pytest.mark.slow
def test_all_of_them_on_all_commits_in_orders_of_their_own(tmp_path, commits, alone):
    """Each commit by every process: each file is written by several at once, and read while it is."""
    folder, shas = commits
    said = drive(tmp_path, folder, [shas[n:] + shas[:n] for n in range(N)])
    assert said.count("cloning") == 1
    assert "Traceback" not in said
    assert "could not be" not in said
    assert artifacts(tmp_path) == signals_of(alone)


@pytest.mark.slow
def test_nor_does_a_file_system_without_locks_make_two_clones_of_one(tmp_path, commits, alone):
    """As a network file system whose lock server is gone says it: a double, because none is at hand."""
    folder, shas = commits
    said = drive(tmp_path, folder, [[sha] for sha in shas], NO_LOCKS="1")
    assert said.count("cloning") == 1
    assert "No locks available" in said
    assert artifacts(tmp_path) == signals_of(alone)
    assert list((tmp_path / "cache").rglob("*.held")) == []


@pytest.mark.slow
def test_a_cache_of_somebody_else_is_read_where_it_cannot_be_written(tmp_path, commits, alone):
    """A group's cache on a disk that is mounted read-only, with all that is needed in it."""
    folder, shas = commits
    cache = tmp_path / "cache"
    drive(tmp_path, folder, [shas])
    subprocess.run(["rm", "-r", str(tmp_path / "artifacts"), str(cache / "blobs")], check=True)
    mount = ["mount", "--bind", str(cache), str(cache)]
    if os.getuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("needs to mount a disk")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(cache)], check=True)
        said = drive(tmp_path, folder, [shas])
    finally:
        subprocess.run(["umount", "--lazy", str(cache)], check=True)
    assert artifacts(tmp_path) == signals_of(alone)
    complaints = [line.split(" could not be")[0] for line in said.splitlines() if "could not be" in line]
    assert complaints
    assert len(complaints) == len(set(complaints))  # once a file, and not once a commit
