"""Repositories and signals for the tests of maps."""

import os
import subprocess
import sys

from contexttune.interfaces import RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.signals.churn import Churn
from contexttune.signals.code_index import CodeIndex
from contexttune.signals.extraction import write_signals
from contexttune.signals.py_index import PyIndex
from contexttune.signals.tree import FileTree
from tests.gitrepos import commit


def at_commit(repo, sha):
    """The signals that maps need, of a commit of a repository made by `tests.gitrepos.commit`."""
    tree = Tree(repo / ".git", "owner/lib", sha)
    facts = write_signals(tree, [FileTree(), PyIndex(), CodeIndex(), Churn()], repo.parent / f"{sha}.json")
    return RepoAtCommit(repo="owner/lib", base_commit=sha, signals=facts, tree=tree)


def made(root, files):
    """A repository of one commit."""
    return at_commit(root / "lib", commit(root / "lib", files))


def by_hash_seed(script):
    """What a program prints under two hash seeds."""

    def printed(seed):
        environment = os.environ | {"PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", script]
        return subprocess.run(command, env=environment, capture_output=True, check=True).stdout

    return printed("1"), printed("2")


def listed(text):
    """Every path that a map names, in order."""
    return [path for line in text.splitlines()[1:] for path in expanded(line)]


def expanded(line):
    """The paths that a line of a map names: before its definitions, or in braces."""
    head = line.partition(": ")[0]
    if head.endswith(":"):
        return []
    before, brace, rest = head.partition("{")
    inside, _, behind = rest.partition("}")
    return [f"{before}{name}{behind}" for name in inside.split(",")] if brace else [head]


HOSTILE = {
    "lib/new\nline.py": "def hidden(): ...\n",
    "lib/two words.py": "def hidden(): ...\n",
    "lib/col:on.py": "def hidden(): ...\n",
    "lib/tick`s.py": "def hidden(): ...\n",
    "lib/plain.py": "def seen(): ...\n",
    "lib/ümlaut.py": "def seen_too(): ...\n",
}
