"""signals.json: written once, kept while current, rebuilt when it is not."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import orjson
import pytest

from contexttune.errors import ArtifactError
from contexttune.interfaces import Signal
from contexttune.repos.git import Tree
from contexttune.signals.extraction import dump_lines, write_signals
from contexttune.signals.tree import FileTree
from tests.signals.conftest import ALL

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


def _fresh(repository, commit, path: Path) -> bytes:
    write_signals(repository.tree(commit, cached=True), ALL, path)
    return path.read_bytes()


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


def test_a_dump_has_a_line_for_each_key_and_one_for_a_whole_list():
    assert dump_lines({"b": [1, {"z": 1, "a": 2}], "a": {"x": []}}).decode() == (
        '{\n  "a": {\n    "x": []\n  },\n  "b": [1,{"a":2,"z":1}]\n}\n'
    )


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
    assert scanned["py_index"]["modules"]["p/a.py"]["symbols"][1]["name"] == "C.f"


def test_a_signal_added_later_leaves_the_bytes_as_if_all_were_written_at_once(repository, tmp_path):
    commit = repository.commit({"a.py": "import b\ndef f(x): pass\n", "b.py": "class C: pass\n"})
    at_once = _fresh(repository, commit, tmp_path / "1.json")
    for signal in ALL:
        write_signals(repository.tree(commit, cached=True), [signal], tmp_path / "2.json")
    assert (tmp_path / "2.json").read_bytes() == at_once


def test_a_commit_that_is_not_there_is_an_error_of_the_repository(repository, tmp_path):
    repository.commit({"a.py": ""})
    with pytest.raises(ArtifactError):
        write_signals(repository.tree("0" * 40, cached=True), ALL, tmp_path / "signals.json")


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


def test_a_hostile_tree_is_read_to_the_end(tree_of):
    files = {
        "nested.py": "x = " + "(" * 300 + ")" * 300 + "\n",
        "unclosed.py": "x = " + "(" * 300 + "\n",
        "nul.py": b"def a(): pass\n\0",
        "new\nline.py": "import nested\n",
        b"caf\xe9.py": "def f(): pass\n",
        "huge.py": b"x = 1\n" * 400_000,
        "latin.py": b"'\xff'\n",
        "surrogate.py": '"""\\ud800 doc"""\n',
        "a/__init__.py": "from ........ import x\nfrom . import y\n",
    }
    tree = tree_of(files, {"loop.py": "loop.py", "module.py": "160000 " + "2" * 40})
    facts = {signal.name: signal.extract(tree) for signal in ALL}
    assert json.loads(orjson.dumps(facts)) == facts
    assert "caf\\udce9.py" in facts["tree"]["files"]
    reasons = {one["path"]: one["reason"] for one in facts["py_index"]["unparsed"]}
    assert reasons == {
        "huge.py": "larger than 2000000 bytes",
        "latin.py": "cannot be decoded as utf-8",
        "nul.py": "NUL byte",
        "unclosed.py": "SyntaxError line 1",
    }


FILES = {
    "src/pkg/__init__.py": "from .a import thing\n",
    "src/pkg/a.py": "import os, json\nimport pkg.sub.b as b\n",
    "src/pkg/sub/b.py": "def f():\n    from .. import a\n",
    "tests/test_a.py": "import pytest\n",
}


_PROGRAM = """
import sys
from pathlib import Path
from contexttune.repos.git import Tree
from contexttune.signals.extraction import write_signals
from tests.signals.conftest import ALL
write_signals(Tree(Path(sys.argv[1]), "owner/name", sys.argv[2]), ALL, Path(sys.argv[3]))
"""


def test_the_file_does_not_depend_on_the_hash_seed(repository, tmp_path):
    commit = repository.commit(FILES)
    written = set()
    for seed in ("0", "1", "4711"):
        path = tmp_path / f"{seed}.json"
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, str(repository.git_dir), commit, str(path)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=True,
        )
        written.add(path.read_bytes())
    assert len(written) == 1
