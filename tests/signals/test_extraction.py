"""signals.json: written once, kept while current, rebuilt when it is not; and the cache below it."""

from __future__ import annotations

import json
import logging
import multiprocessing
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from contexttune.errors import ArtifactError
from contexttune.interfaces import Signal
from contexttune.repos.git import Tree
from contexttune.signals import history
from contexttune.signals.cache import blob_cache
from contexttune.signals.extraction import write_signals
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.py_index import PyIndex
from contexttune.signals.python import python_files
from contexttune.signals.test_manifest import TestManifest
from contexttune.signals.tree import FileTree

ALL: list[Signal] = [FileTree(), PyIndex(), TestManifest(), HotPaths()]
CALLS: list[str] = []


@dataclass(frozen=True, kw_only=True)
class Counted(Signal):
    """A signal that says when it is extracted."""

    name: str = "counted"
    version: ClassVar[int] = 1
    settings: list[int] = field(default_factory=list)

    def extract(self, tree: Tree):
        CALLS.append(self.name)
        return {"n": len(tree.entries)}


@pytest.fixture(autouse=True)
def _no_calls():
    CALLS.clear()


def test_a_current_file_is_only_read(tree_of, tmp_path):
    tree, path = tree_of({"a.py": ""}), tmp_path / "signals.json"
    first = write_signals(tree, [Counted()], path)
    written = path.stat()
    assert write_signals(tree, [Counted()], path) == first == {"counted": {"n": 1}}
    assert CALLS == ["counted"]
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (written.st_mtime_ns, written.st_ino)


def test_a_changed_setting_or_version_extracts_that_signal_alone(tree_of, tmp_path, monkeypatch):
    tree, path = tree_of({"a.py": ""}), tmp_path / "signals.json"
    write_signals(tree, [Counted(), Counted(name="other")], path)
    monkeypatch.setattr(Counted, "version", 2)
    write_signals(tree, [Counted(), Counted(name="other", settings=[1])], path)
    write_signals(tree, [Counted(), Counted(name="other", settings=[1])], path)
    assert CALLS == ["counted", "other", "counted", "other"]


def test_other_signals_of_the_file_are_kept(tree_of, tmp_path):
    tree, path = tree_of({"a.py": ""}), tmp_path / "signals.json"
    write_signals(tree, [Counted()], path)
    assert list(write_signals(tree, [FileTree()], path)) == ["tree"]
    written = json.loads(path.read_bytes())
    assert sorted(written["signals"]) == sorted(written["versions"]) == ["counted", "tree"]
    assert (written["schema_version"], written["repo"], written["base_commit"]) == (
        1,
        "owner/name",
        tree.commit,
    )
    assert path.read_bytes().endswith(b"}\n")


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b'{"signals": {}}', b"null"])
def test_a_damaged_file_is_built_again(tree_of, tmp_path, damage):
    tree, path = tree_of({"a.py": ""}), tmp_path / "signals.json"
    write_signals(tree, [Counted()], path)
    good = path.read_bytes()
    path.write_bytes(damage)
    write_signals(tree, [Counted()], path)
    assert path.read_bytes() == good


def test_a_file_about_another_commit_is_not_believed(repository, tmp_path):
    one, two = repository.commit({"a.py": ""}), repository.commit({"a.py": "", "b.py": ""})
    write_signals(repository.tree(one), [Counted()], tmp_path / "signals.json")
    assert write_signals(repository.tree(two), [Counted()], tmp_path / "signals.json") == {
        "counted": {"n": 2}
    }


def _fresh(repository, commit, path: Path) -> bytes:
    write_signals(repository.tree(commit, cached=True), ALL, path)
    return path.read_bytes()


def test_a_blob_is_scanned_once_per_repository(repository, tmp_path, monkeypatch):
    scanned = []
    scan = python_files.scan
    monkeypatch.setattr(python_files, "scan", lambda content: scanned.append(content) or scan(content))
    contents = {f"m{n}.py": f"x = {n}\n" for n in range(20)}
    one = repository.commit(contents)
    two = repository.commit(contents | {"m0.py": "x = 'new'\n", "copy.py": "x = 1\n"})
    _fresh(repository, one, tmp_path / "1.json")
    assert len(scanned) == 20
    _fresh(repository, two, tmp_path / "2.json")
    assert scanned[20:] == [b"x = 'new'\n"]


def test_what_the_cache_gives_is_what_a_scan_gives(repository, tmp_path):
    files = {
        "p/__init__.py": '"""Doc."""\nfrom . import a\n',
        "p/a.py": "def f(x): pass\n",
        "bad.py": "print 'x'\n",
    }
    commit = repository.commit(files)
    _fresh(repository, commit, tmp_path / "1.json")
    cached = _fresh(repository, commit, tmp_path / "2.json")
    write_signals(repository.tree(commit), ALL, tmp_path / "3.json")
    assert cached == (tmp_path / "1.json").read_bytes() == (tmp_path / "3.json").read_bytes()


def test_facts_from_the_cache_equal_facts_from_a_scan(repository):
    files = {
        "p/__init__.py": '"""Größe."""\nfrom . import a\nimport p.b\n',
        "p/a.py": "class C:\n    def f(self, x: int = 1): pass\n",
        "empty.py": "",
        "bad.py": "print 'x'\ndef g(): pass\n",
        "tox.ini": "[testenv]\ncommands = pytest -x\n",
        b"caf\xe9.py": "def f(): pass\n",
    }
    commit = repository.commit(files)
    warm = repository.tree(commit, cached=True)
    scanned = {signal.name: signal.extract(repository.tree(commit)) for signal in ALL}
    filling = {signal.name: signal.extract(repository.tree(commit, cached=True)) for signal in ALL}
    assert {signal.name: signal.extract(warm) for signal in ALL} == filling == scanned
    assert list(scanned["py_index"]["modules"]["p/a.py"]["symbols"])[1]["name"] == "C.f"


def test_a_signal_added_later_leaves_the_bytes_as_if_all_were_written_at_once(repository, tmp_path):
    commit = repository.commit({"a.py": "import b\ndef f(x): pass\n", "b.py": "class C: pass\n"})
    at_once = _fresh(repository, commit, tmp_path / "1.json")
    for signal in ALL:
        write_signals(repository.tree(commit, cached=True), [signal], tmp_path / "2.json")
    assert (tmp_path / "2.json").read_bytes() == at_once


def test_a_lower_limit_is_not_answered_by_a_larger_one_nor_the_reverse(repository, tmp_path):
    tree = repository.tree(repository.commit({"a.py": "def f(): pass\n" * 9}), cached=True)
    small, large = PyIndex(max_bytes=50), PyIndex()
    for signal in (small, large, small):
        again = repository.tree(tree.commit, cached=True)
        assert signal.extract(again) == signal.extract(repository.tree(tree.commit))


def _forget_last_commit(repository) -> None:
    """So that single rows of the cache are read again."""
    for path in (repository.blob_cache.parent / "owner__name").iterdir():
        path.unlink()


@pytest.mark.parametrize("column", ["head", "body", "checksum"])
def test_a_damaged_record_is_a_miss(repository, tmp_path, column):
    commit = repository.commit(
        {"a.py": "import os\ndef f(): pass\n", "tox.ini": "[testenv]\ncommands=pytest\n"}
    )
    good = _fresh(repository, commit, tmp_path / "1.json")
    with closing(sqlite3.connect(repository.blob_cache)) as db:
        damage = {"head": "x'5b5d'", "body": "x'5b31'", "checksum": "'text'"}[column]
        assert db.execute(f"UPDATE kept SET {column} = {damage}").rowcount == 2
        db.commit()
    _forget_last_commit(repository)
    assert _fresh(repository, commit, tmp_path / "2.json") == good


def test_the_window_of_another_commit_changes_no_churn(repository):
    names = ["a.py", "b.py", b"caf\xe9.py", "new\nline.py"]
    commits = [repository.commit({name: f"x = {n}\n" for name in names[: 1 + n % 4]}) for n in range(9)]
    for commit in (commits[4], commits[8], commits[2], commits[2]):
        signal = HotPaths(window_commits=4)
        cached = signal.extract(repository.tree(commit, cached=True))
        assert cached == signal.extract(repository.tree(commit))
        assert cached["by_churn"]


def test_git_is_asked_only_for_the_changes_of_new_commits(repository, monkeypatch):
    asked = []
    diffs = history._diffs
    monkeypatch.setattr(
        history, "_diffs", lambda at, commits: asked.append(list(commits)) or diffs(at, commits)
    )
    commits = [repository.commit({"a.py": f"x = {n}\n"}) for n in range(4)]
    HotPaths().extract(repository.tree(commits[2], cached=True))
    HotPaths().extract(repository.tree(commits[3], cached=True))
    assert asked == [commits[2::-1], [commits[3]]]


def test_a_commit_that_is_not_there_is_an_error_of_the_repository(repository, tmp_path):
    repository.commit({"a.py": ""})
    with pytest.raises(ArtifactError):
        write_signals(repository.tree("0" * 40, cached=True), ALL, tmp_path / "signals.json")


@pytest.mark.parametrize(
    "damage", [b"no database at all, but long enough to be read as one" * 40, b"SQLite format 3\0" * 300]
)
def test_a_damaged_cache_is_a_miss_and_is_replaced(repository, tmp_path, damage, caplog):
    commit = repository.commit({"a.py": "def f(): pass\n"})
    good = _fresh(repository, commit, tmp_path / "1.json")
    repository.blob_cache.write_bytes(damage)
    _forget_last_commit(repository)
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


def _write(arguments):
    git_dir, commit, cache, path = arguments
    write_signals(Tree(git_dir, "owner/name", commit, cache), ALL, path)
    return path.read_bytes()


def test_eight_processes_may_share_a_cache(repository, tmp_path):
    commit = repository.commit({f"m{n}.py": f"def f{n}(): pass\n" for n in range(200)})
    jobs = [
        (repository.git_dir, commit, repository.blob_cache, tmp_path / f"{n}" / "signals.json")
        for n in range(8)
    ]
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        assert len(set(pool.map(_write, jobs))) == 1
