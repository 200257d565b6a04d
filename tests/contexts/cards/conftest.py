"""Signals of a small real repository, for the tests of cards."""

import pytest

from contexttune.repos.git import Tree
from contexttune.signals.extraction import write_signals
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.py_index import PyIndex
from contexttune.signals.test_manifest import TestManifest
from contexttune.signals.tree import FileTree
from tests.gitrepos import commit

FILES = {
    "lib/__init__.py": '"""A library of things."""\nfrom lib.core import run\n',
    "lib/core.py": "from lib.errors import Broken\n\n\ndef run(x: int = 1) -> None:\n    raise Broken\n\n\ndef _private(): ...\n",
    "lib/errors.py": "class Broken(Exception):\n    pass\n",
    "lib/sub/__init__.py": "",
    "lib/sub/core.py": "from ..errors import Broken\n",
    "lib/old.py": "print 'python 2'\n",
    "tests/test_core.py": "from lib import run\n",
    "docs/conf.py": "",
    "CONTRIBUTING.md": "",
    "CHANGES.rst": "",
    "tox.ini": "[testenv]\ncommands = pytest {posargs:tests}\n",
}


@pytest.fixture(scope="module")
def signals(tmp_path_factory):
    root = tmp_path_factory.mktemp("repo")
    repo = root / "lib"
    commit(repo, FILES)
    for n in range(3):
        commit(repo, {"lib/sub/core.py": f"from ..errors import Broken\nx = {n}\n"}, day=n + 2)
    sha = commit(repo, {"lib/errors.py": "class Broken(Exception):\n    pass\n\n"}, day=9)
    tree = Tree(repo / ".git", "owner/lib", sha)
    return write_signals(tree, [FileTree(), PyIndex(), TestManifest(), HotPaths()], root / "signals.json")
