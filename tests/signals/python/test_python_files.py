"""Each blob is scanned once, by whichever of several processes, and the bytes are those of one process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.git import Tree
from contexttune.signals.cache import blob_facts
from contexttune.signals.extraction import write_signals
from contexttune.signals.python import python_files
from tests.signals.conftest import ALL

N = 8


# Imports first, so that all of them begin in the same moment: when the standard input ends.
DRIVER = """
import logging, sys
from pathlib import Path
from contexttune.repos.git import Tree
from contexttune.signals.extraction import write_signals
from tests.signals.conftest import ALL
git_dir, cache, out, *shas = sys.argv[1:]
logging.basicConfig(level="DEBUG", format="%(message)s", stream=sys.stdout)
print("ready", flush=True)
sys.stdin.read()
for sha in shas:
    tree = Tree(Path(git_dir), "owner/name", sha, Path(cache))
    write_signals(tree, ALL, Path(out) / sha / "signals.json")
"""


@pytest.fixture
def commits(repository):
    """Neighbouring commits, each of 200 files of which the next one changes ten."""
    files = {f"p/m{n}.py": f"import p.m{n + 1}\n\n\n" + f"def f{n}(): pass\n" * 60 for n in range(200)}
    made = []
    for number in range(N):
        files |= {
            f"p/m{n}.py": f"def g{number}_{n}(): pass\n" * 60 for n in range(number * 10, number * 10 + 10)
        }
        made.append(repository.commit(files))
    return made


def _start(repository, out: Path, shas: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(repository.git_dir), str(repository.blob_cache), str(out)]
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [*command, *shas],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def _scanned(said: str) -> int:
    return sum(int(n) for n in re.findall(r": (\d+) files scanned", said))


def _bytes(tree: Tree, path: Path) -> bytes:
    write_signals(tree, ALL, path)
    return path.read_bytes()


def _distinct(repository, shas) -> int:
    return len({e.blob for sha in shas for e in repository.tree(sha).entries})


@pytest.mark.parametrize("same", [True, False], ids=["the same commit", "neighbouring commits"])
def test_eight_processes_at_once_scan_each_file_once(repository, commits, tmp_path, same):
    orders = [[commits[0] if same else sha] for sha in commits]
    running = [_start(repository, tmp_path / str(n), order) for n, order in enumerate(orders)]
    said = [process.communicate("", timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * N, said
    n_distinct = _distinct(repository, {sha for order in orders for sha in order})
    assert n_distinct <= _scanned("".join(said)) <= 1.1 * n_distinct
    for number, (sha,) in enumerate(orders):
        made = (tmp_path / str(number) / sha / "signals.json").read_bytes()
        assert made == _bytes(repository.tree(sha), tmp_path / f"{number}.json")


def test_another_repository_is_not_scanned_where_a_first_one_has_the_same_files(
    repository, commits, tmp_path, caplog
):
    write_signals(repository.tree(commits[0], cached=True), ALL, tmp_path / "1.json")
    caplog.set_level("DEBUG", logger=blob_facts.__name__)
    fork = Tree(repository.git_dir, "other/fork", commits[0], repository.blob_cache)
    write_signals(fork, ALL, tmp_path / "2.json")
    assert not [record for record in caplog.records if "scanned" in record.msg]
    plain = Tree(repository.git_dir, "other/fork", commits[0])
    assert (tmp_path / "2.json").read_bytes() == _bytes(plain, tmp_path / "3.json")


def _hold(repository) -> subprocess.Popen[str]:
    """A process that holds the scan lock of the repository and never ends."""
    code = (
        "import sys,time; from pathlib import Path; from contexttune.repos.git import Tree\n"
        "from contexttune.signals.cache.blob_facts import _sole_reader\n"
        "with _sole_reader(Tree(Path('x'), 'owner/name', 'x', Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(repository.blob_cache)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_scanner_that_dies_blocks_nobody(repository, commits, tmp_path):
    holder = _hold(repository)
    waiting = _start(repository, tmp_path / "1", [commits[0]])
    assert waiting.stdin is not None
    waiting.stdin.close()
    waiting.stdin = None
    time.sleep(1.0)
    assert waiting.poll() is None
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    said = waiting.communicate(timeout=30)[0]
    assert waiting.returncode == 0, said
    assert _scanned(said) == _distinct(repository, [commits[0]])


def test_a_lock_that_is_never_released_is_waited_for_once(repository, commits, tmp_path, monkeypatch):
    monkeypatch.setattr(blob_facts, "_LOCK_TIMEOUT_S", 0.2)
    holder = _hold(repository)
    try:
        got = _bytes(repository.tree(commits[0], cached=True), tmp_path / "1.json")
    finally:
        holder.kill()
        holder.wait()
    assert got == _bytes(repository.tree(commits[0]), tmp_path / "2.json")


def test_a_blob_is_scanned_once_per_repository(repository, tmp_path, monkeypatch):
    scanned = []
    scan = python_files.scan
    monkeypatch.setattr(python_files, "scan", lambda content: scanned.append(content) or scan(content))
    contents = {f"m{n}.py": f"x = {n}\n" for n in range(20)}
    one = repository.commit(contents)
    two = repository.commit(contents | {"m0.py": "x = 'new'\n", "copy.py": "x = 1\n"})
    _bytes(repository.tree(one, cached=True), tmp_path / "1.json")
    assert len(scanned) == 20
    _bytes(repository.tree(two, cached=True), tmp_path / "2.json")
    assert scanned[20:] == [b"x = 'new'\n"]


def test_a_lost_blob_is_named(repository, commits):
    lost = repository.tree(commits[0]).entries[150].blob
    for path in (repository.git_dir / "objects" / lost[:2]).glob(lost[2:]):
        path.unlink()
    with pytest.raises(ArtifactError, match=lost):
        write_signals(repository.tree(commits[0]), ALL, Path("/nowhere/signals.json"))
