"""Eight processes on one cache: each file is scanned once, whoever dies, and the bytes are those of one process."""

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
from contexttune.signals import claim
from contexttune.signals.extraction import write_signals
from contexttune.signals.python import python_files
from contexttune.system import fork_pool
from tests.signals.test_extraction import ALL

N = 8
# Imports first, so that all of them begin in the same moment: when the standard input ends.
DRIVER = """
import logging, sys
from pathlib import Path
from contexttune.repos.git import Tree
from contexttune.signals.extraction import write_signals
from tests.signals.test_extraction import ALL
git_dir, cache, out, workers, *shas = sys.argv[1:]
logging.basicConfig(level="DEBUG", format="%(message)s", stream=sys.stdout)
print("ready", flush=True)
sys.stdin.read()
for sha in shas:
    tree = Tree(Path(git_dir), "owner/name", sha, Path(cache), workers=int(workers))
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


def _start(repository, out: Path, shas: list[str], workers: int = 1) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(repository.git_dir), str(repository.blob_cache), str(out)]
    root = Path(__file__).resolve().parents[3]
    process = subprocess.Popen(
        [*command, str(workers), *shas],
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
    running = [_start(repository, tmp_path / str(n), order, 1 + n % 3) for n, order in enumerate(orders)]
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
    caplog.set_level("DEBUG", logger=python_files.__name__)
    fork = Tree(repository.git_dir, "other/fork", commits[0], repository.blob_cache)
    write_signals(fork, ALL, tmp_path / "2.json")
    assert not [record for record in caplog.records if "scanned" in record.msg]
    plain = Tree(repository.git_dir, "other/fork", commits[0])
    assert (tmp_path / "2.json").read_bytes() == _bytes(plain, tmp_path / "3.json")


def _hold(repository) -> subprocess.Popen[str]:
    """A process that has claimed the repository and never ends."""
    code = (
        "import sys,time; from pathlib import Path; from contexttune.repos.git import Tree\n"
        "from contexttune.signals.claim import claimed\n"
        "with claimed(Tree(Path('x'), 'owner/name', 'x', Path(sys.argv[1]))): print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(repository.blob_cache)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_who_dies_with_a_claim_blocks_nobody(repository, commits, tmp_path):
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


def test_a_claim_that_is_never_let_go_costs_patience_once(repository, commits, tmp_path, monkeypatch):
    monkeypatch.setattr(claim, "_PATIENCE_S", 0.2)
    holder = _hold(repository)
    try:
        got = _bytes(repository.tree(commits[0], cached=True), tmp_path / "1.json")
    finally:
        holder.kill()
        holder.wait()
    assert got == _bytes(repository.tree(commits[0]), tmp_path / "2.json")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers_makes_the_same_bytes(repository, commits, tmp_path, workers):
    alone = _bytes(repository.tree(commits[0]), tmp_path / "1.json")
    tree = repository.tree(commits[0], cached=True, workers=workers)
    assert _bytes(tree, tmp_path / "2.json") == alone
    (repository.blob_cache.parent / "owner__name" / f"{python_files.KIND}").unlink()  # from single rows
    assert _bytes(repository.tree(commits[0], cached=True), tmp_path / "3.json") == alone


def test_a_worker_that_is_killed_leaves_its_part_to_this_process(repository, commits, tmp_path, monkeypatch):
    own, fork = os.getpid(), fork_pool._fork
    n_killed = []

    def killed_at_once():
        pid = fork()
        if os.getpid() != own:
            os.kill(os.getpid(), signal.SIGKILL)
        n_killed.append(pid)
        return pid

    monkeypatch.setattr(fork_pool, "_fork", killed_at_once)
    got = _bytes(repository.tree(commits[0], workers=4), tmp_path / "1.json")
    assert len(n_killed) == 3
    monkeypatch.undo()
    assert got == _bytes(repository.tree(commits[0]), tmp_path / "2.json")


def test_a_lost_file_ends_all_workers_with_one_sentence(repository, commits, monkeypatch):
    lost = repository.tree(commits[0]).entries[150].blob
    for path in (repository.git_dir / "objects" / lost[:2]).glob(lost[2:]):
        path.unlink()
    fork, pids = fork_pool._fork, []
    monkeypatch.setattr(fork_pool, "_fork", lambda: pids.append(fork()) or pids[-1])
    with pytest.raises(ArtifactError, match=lost):
        write_signals(repository.tree(commits[0], workers=3), ALL, Path("/nowhere/signals.json"))
    assert len(pids) == 2
    for pid in pids:
        with pytest.raises(ChildProcessError):  # it has ended, and was waited for
            os.waitpid(pid, os.WNOHANG)


def test_workers_end_with_the_process_that_began_them(tmp_path):
    code = (
        "import os, sys, time\n"
        "from contexttune.system.fork_pool import shared_out\n"
        "def work(n):\n"
        "    os.write(1, b'%d\\n' % os.getpid())\n"
        "    time.sleep(600)\n"
        "shared_out(work, 3, bytes, bytes)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(process.stdout.readline()) for _ in range(3)]
    assert process.pid in pids
    process.kill()
    process.wait()
    until = time.monotonic() + 10
    while any(_is_running(pid) for pid in pids):
        assert time.monotonic() < until
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
