"""Losing a record or the whole cache costs time, and never changes a byte of signals.json."""

from __future__ import annotations

import json
import logging
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from contexttune.repos.git import Tree
from contexttune.signals.cache import blob_cache
from contexttune.signals.extraction import write_signals
from tests.signals.conftest import ALL, Repository


def _fresh(repository, commit, path: Path) -> bytes:
    write_signals(repository.tree(commit, cached=True), ALL, path)
    return path.read_bytes()


@pytest.mark.parametrize("column", ["facts", "checksum"])
def test_a_damaged_record_is_a_miss(repository, tmp_path, column):
    commit = repository.commit({"a.py": "import os\ndef f(): pass\n"})
    good = _fresh(repository, commit, tmp_path / "1.json")
    with closing(sqlite3.connect(repository.blob_cache)) as db:
        damage = {"facts": "x'5b31'", "checksum": "'text'"}[column]
        assert db.execute(f"UPDATE kept SET {column} = {damage}").rowcount == 1
        db.commit()
    assert _fresh(repository, commit, tmp_path / "2.json") == good


@pytest.mark.parametrize(
    "damage", [b"no database at all, but long enough to be read as one" * 40, b"SQLite format 3\0" * 300]
)
def test_a_damaged_cache_is_a_miss_and_is_replaced(repository, tmp_path, damage, caplog):
    commit = repository.commit({"a.py": "def f(): pass\n"})
    good = _fresh(repository, commit, tmp_path / "1.json")
    repository.blob_cache.write_bytes(damage)
    with caplog.at_level(logging.WARNING):
        assert _fresh(repository, commit, tmp_path / "2.json") == good
    assert "blob cache" in caplog.text
    caplog.clear()
    assert _fresh(repository, commit, tmp_path / "3.json") == good
    assert not caplog.text


def test_a_cache_that_cannot_be_made_is_a_miss(repository, tmp_path, caplog):
    commit = repository.commit({"a.py": "def f(): pass\n"})
    repository.blob_cache.mkdir(parents=True)
    assert json.loads(_fresh(repository, commit, tmp_path / "1.json"))["signals"]["tree"]["n_files"] == 1
    assert "could not be" in caplog.text


def _io_error(*_, **__):
    raise sqlite3.OperationalError("disk I/O error")


def test_a_cache_that_fails_is_complained_of_once_and_costs_time_alone(
    repository, tmp_path, caplog, monkeypatch
):
    """A double: what sqlite says where a network file system does not lock."""
    commits = [repository.commit({"a.py": f"def f{n}(): pass\n"}) for n in range(3)]
    monkeypatch.setattr(sqlite3, "connect", _io_error)
    for number, commit in enumerate(commits):
        made = _fresh(repository, commit, tmp_path / f"{number}.json")
        assert f'"f{number}"' in made.decode()
    assert caplog.text.count("disk I/O error") == 1
    assert "dropped" not in caplog.text


def test_a_lock_that_is_never_freed_is_waited_for_once(repository, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(blob_cache, "_BUSY_S", 2.0)
    commits = [repository.commit({"a.py": f"def f{n}(): pass\n"}) for n in range(8)]
    repository.blob_cache.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(repository.blob_cache, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        began = time.monotonic()
        for number, commit in enumerate(commits):
            _fresh(repository, commit, tmp_path / f"{number}.json")
        elapsed = time.monotonic() - began
        other.execute("ROLLBACK")
    assert 2.0 <= elapsed < 8 * 2.0
    assert caplog.text.count("database is locked") == 2  # to read it, and to write it
    caplog.clear()
    good = _fresh(repository, repository.commit({"b.py": ""}), tmp_path / "after.json")
    assert good
    assert not caplog.text


_PATHS = [
    *("p/__init__.py", "p/a.py", "p/b.py", "p/q/__init__.py", "p/q/a.py", "p/q.py", "q/a.py", "src/p/a.py"),
    *("tests/p/__init__.py", "tests/test_a.py", "a.py", "b.py", "a/b.py", "a/b/c.py", "setup.cfg", "x.txt"),
    *(
        b"caf\xe9.py",
        "gr\u00fc\u00df/\U0001f600.py",
        "\uffee.py",
        "a-b.py",
        "a.b/c.py",
        "sp ace.py",
        "t\tab.py",
    ),
]


_LINES = [
    "import a",
    "import p.q",
    "from p import a, b, q",
    "from . import a",
    "from .q import a",
    "import b",
]


_SUBMODULE = f"160000 {'1' * 40}"


def _content(rng: random.Random) -> str:
    return "\n".join(rng.choices(_LINES, k=rng.randrange(6))) + "\n"


def _changed(rng: random.Random, files: dict) -> dict:
    """`files` after a commit: some come, some go, some differ. A file makes way for a directory."""
    after = {path: text for path, text in files.items() if rng.random() > 0.08}
    for path in rng.sample(_PATHS, rng.randrange(4)):
        after[path] = _content(rng)
    plain = {path for path in after if isinstance(path, str)}
    return {
        p: t
        for p, t in after.items()
        if isinstance(p, bytes) or not any(o.startswith(f"{p}/") for o in plain)
    }


@pytest.fixture(scope="module", params=range(3))
def history_of_commits(request, tmp_path_factory):
    """A repository, and its commits with the bytes that each has without a cache."""
    rng = random.Random(request.param)
    root = tmp_path_factory.mktemp("warm")
    repository = Repository(root)
    files = {path: _content(rng) for path in _PATHS if path not in ("a/b.py", "p/q.py", "a/b/c.py")}
    cold = {}
    for number in range(7):
        links = {"link": "p/a.py"} if rng.random() < 0.5 else {}
        links |= {"sub": _SUBMODULE} if rng.random() < 0.5 else {}
        commit = repository.commit(files, links)
        cold[commit] = _bytes(repository.tree(commit), root / f"{number}.json")
        files = _changed(rng, files)
    return repository, cold


def _bytes(tree: Tree, path: Path) -> bytes:
    path.unlink(missing_ok=True)
    write_signals(tree, ALL, path)
    return path.read_bytes()


def test_any_order_of_commits_gives_the_bytes_of_an_empty_cache(history_of_commits, tmp_path):
    repository, cold = history_of_commits
    rng = random.Random(0)
    for number in range(3):
        cache = tmp_path / str(number) / "blobs.sqlite"
        for commit in rng.choices(list(cold), k=6):
            tree = Tree(repository.git_dir, "owner/name", commit, cache)
            assert _bytes(tree, tmp_path / "signals.json") == cold[commit]
