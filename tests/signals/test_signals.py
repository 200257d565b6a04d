"""The signals over small real repositories."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import orjson
import pytest

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.signals.cache.raw_json import as_json
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.py_index import PyIndex
from contexttune.signals.test_manifest import TestManifest
from contexttune.signals.tree import FileTree

ALL = [FileTree(), PyIndex(), TestManifest(), HotPaths()]


@pytest.mark.parametrize("signal", ALL, ids=lambda signal: signal.name)
def test_every_signal_meets_the_protocol(signal):
    assert isinstance(signal, Signal)


def test_the_tree_tells_files_links_and_submodules_apart(tree_of):
    tree = tree_of(
        {"a/x.py": "", "a/y.TXT": "", "top": "", ".hidden": ""},
        {"loop": "loop", "sub": "160000 " + "1" * 40},
    )
    assert FileTree().extract(tree) == {
        "n_files": 4,
        "files": [".hidden", "a/x.py", "a/y.TXT", "top"],
        "symlinks": ["loop"],
        "submodules": ["sub"],
        "directories": {".": 2, "a": 2},
        "extensions": {".py": 1, ".txt": 1},
    }


def test_modules_are_named_as_code_imports_them(tree_of):
    tree = tree_of(
        {"src/pkg/__init__.py": "", "src/pkg/sub/__init__.py": "", "src/pkg/sub/m.py": "", "setup.py": ""}
    )
    modules = PyIndex().extract(tree)["modules"]
    assert {path: one["module"] for path, one in modules.items()} == {
        "setup.py": "setup",
        "src/pkg/__init__.py": "pkg",
        "src/pkg/sub/__init__.py": "pkg.sub",
        "src/pkg/sub/m.py": "pkg.sub.m",
    }


def test_the_index_holds_docstring_and_symbols(tree_of):
    tree = tree_of({"m.py": '"""First line.\n\nMore."""\n@deco\ndef f(x: int = 1) -> str:\n    return ""\n'})
    assert PyIndex().extract(tree)["modules"]["m.py"] == {
        "module": "m",
        "doc": "First line.",
        "symbols": [{"name": "f", "kind": "function", "line": 5, "signature": "(x: int = 1) -> str"}],
    }


def test_a_file_over_the_limit_is_listed_and_not_read(tree_of):
    tree = tree_of({"big.py": "def a(): pass\n" * 10, "small.py": "def b(): pass\n"})
    facts = PyIndex(max_bytes=100).extract(tree)
    assert facts["unparsed"] == [{"path": "big.py", "reason": "larger than 100 bytes"}]
    assert facts["modules"]["big.py"]["symbols"] == []
    assert len(PyIndex().extract(tree)["modules"]["big.py"]["symbols"]) == 10


def test_a_limit_that_makes_no_sense_names_its_key():
    with pytest.raises(ConfigError, match=r"signal\.py_index\.max_bytes"):
        PyIndex(max_bytes=0)
    with pytest.raises(ConfigError, match=r"signal\.hot_paths\.window_commits"):
        HotPaths(window_commits=0)


FILES = {
    "src/pkg/__init__.py": "from .a import thing\n",
    "src/pkg/a.py": "import os, json\nimport pkg.sub.b as b\n",
    "src/pkg/json.py": "",
    "src/pkg/sub/__init__.py": "",
    "src/pkg/sub/b.py": "def f():\n    from .. import a\n    from ..a import x\n    from ... import nothing\n",
    "src/pkg/sub/c.py": "from pkg.sub import b, name\nfrom pkg import (\n  a as z, sub)\n",
    "src/pkg/sub/old.py": "import c\nimport string\n",
    "src/pkg/sub/new.py": "from __future__ import absolute_import\nimport c\n",
    "src/pkg/sub/string.py": "",
    "lib/other/__init__.py": "from pkg import sub; import other\n",
    "namespace/part.py": "",
    "tests/roots/r/target/__init__.py": "",
    "tests/roots/r/user.py": "import target\n",
    "run.py": "import target, namespace, namespace.part\nfrom other import *\n",
}


@pytest.mark.parametrize(
    ("files", "framework", "commands"),
    [
        (
            {"tox.ini": "[testenv]\ncommands =\n    pip list\n    pytest -x \\\n      {posargs}\n[testenv:docs]\ncommands = make\n"},
            "pytest",
            ["pytest -x {posargs}"],
        ),
        (
            {"tests/runtests.py": "import django\n", "tests/test_a.py": ""},
            "django",
            ["python tests/runtests.py"],
        ),
        ({"bin/test": "#!/usr/bin/env python\n", "conftest.py": ""}, "pytest", ["python bin/test"]),
        ({"Makefile": "all: x\n\ntest: build\n\t@python -m unittest -v\n\nclean:\n\trm x\n"}, "unittest", ["python -m unittest -v"]),
        ({"setup.cfg": "[nosetests]\nverbosity=1\n", "tests/test_a.py": ""}, "nose", ["python -m pytest tests"]),
        ({"noxfile.py": "def t(session):\n    session.run('pytest', '-q', *session.posargs)\n"}, "pytest", ["pytest -q"]),
        ({"CONTRIBUTING.md": "Run:\n\n    $ python -m pytest tests -v\n\nthen pytest is happy.\n"}, "pytest", ["python -m pytest tests -v"]),
        ({"tests/test_a.py": "import unittest\n"}, "unittest", ["python -m unittest discover tests"]),
        ({"pyproject.toml": "[tool.pytest.ini_options]\n", "tests/test_a.py": ""}, "pytest", ["python -m pytest tests"]),
        ({"pyproject.toml": "not toml [", "tox.ini": "]", "a.py": ""}, "unknown", []),
    ],
)  # fmt: skip
def test_the_manifest_repeats_what_the_repository_says(tree_of, files, framework, commands):
    facts = TestManifest().extract(tree_of(files))
    assert (facts["framework"], facts["commands"]) == (framework, commands)


def test_test_directories_are_the_outermost_ones(tree_of):
    facts = TestManifest().extract(
        tree_of({"tests/unit/test/test_a.py": "", "p/tests/b.py": "", "p/c.py": ""})
    )
    assert facts["directories"] == ["p/tests", "tests"]
    assert facts["files"] == ["tests/unit/test/test_a.py"]


def test_churn_counts_ancestors_only_and_paths_that_exist(repository):
    repository.commit({"a.py": "1", "gone.py": "1", "tests/t.py": "1"})
    base = repository.commit({"a.py": "2", "b.py": "1", "tests/t.py": "2"})
    repository.commit({"a.py": "3", "b.py": "2", "future.py": "1"})
    facts = HotPaths(window_commits=10).extract(repository.tree(base))
    assert facts["window_commits"] == 2
    assert facts["by_churn"] == [
        {"path": "a.py", "commits": 2, "score": 19},
        {"path": "b.py", "commits": 1, "score": 10},
    ]


def test_the_window_limits_how_far_back_churn_looks(repository):
    repository.commit({"a.py": "1", "b.py": "1"})
    base = repository.commit({"a.py": "2", "b.py": "1"})
    facts = HotPaths(window_commits=1).extract(repository.tree(base))
    assert facts["by_churn"] == [{"path": "a.py", "commits": 1, "score": 1}]


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
    assert json.loads(orjson.dumps(facts, default=as_json)) == facts
    assert "caf\\udce9.py" in facts["tree"]["files"]
    reasons = {one["path"]: one["reason"] for one in facts["py_index"]["unparsed"]}
    assert reasons == {
        "huge.py": "larger than 2000000 bytes",
        "latin.py": "cannot be decoded as utf-8",
        "nul.py": "NUL byte",
        "unclosed.py": "SyntaxError line 1",
    }


def test_an_empty_commit_has_empty_facts(tree_of):
    tree = tree_of({})
    assert FileTree().extract(tree)["n_files"] == 0
    assert PyIndex().extract(tree) == {"modules": {}, "unparsed": []}
    assert TestManifest().extract(tree)["framework"] == "unknown"


_PROGRAM = """
import sys
from pathlib import Path
from contexttune.repos.git import Tree
from contexttune.signals.extraction import write_signals
from tests.signals.test_signals import ALL
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
