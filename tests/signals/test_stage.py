"""signals.json: written once, kept while current, rebuilt when it is not; and the cache below it."""

from __future__ import annotations

import json
import logging
import multiprocessing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from contexttune.git import Tree
from contexttune.signals import blobs
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.import_graph import ImportGraph
from contexttune.signals.py_index import PyIndex
from contexttune.signals.stage import write_signals
from contexttune.signals.tree import FileTree

ALL: list[Any] = [FileTree(), PyIndex(), ImportGraph(), HotPaths()]
CALLS: list[str] = []


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A signal that says when it is extracted."""

    name: str = "counted"
    version: int = 1
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


def test_a_changed_setting_or_version_extracts_that_signal_alone(tree_of, tmp_path):
    tree, path = tree_of({"a.py": ""}), tmp_path / "signals.json"
    write_signals(tree, [Counted(), Counted(name="other")], path)
    write_signals(tree, [Counted(version=2), Counted(name="other", settings=[1])], path)
    write_signals(tree, [Counted(version=2), Counted(name="other", settings=[1])], path)
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
    scan = blobs.scan
    monkeypatch.setattr(blobs, "scan", lambda content: scanned.append(content) or scan(content))
    files = {f"m{n}.py": f"x = {n}\n" for n in range(20)}
    one = repository.commit(files)
    two = repository.commit(files | {"m0.py": "x = 'new'\n", "copy.py": "x = 1\n"})
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
