"""Small real repositories to read signals from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from contexttune.interfaces import Signal
from contexttune.repos.git import Tree, git
from contexttune.signals.churn import Churn
from contexttune.signals.hot_paths import HotPaths
from contexttune.signals.py_index import PyIndex
from contexttune.signals.test_manifest import TestManifest
from contexttune.signals.tree import FileTree

ALL: list[Signal] = [FileTree(), PyIndex(), TestManifest(), HotPaths(), Churn()]

_WHO = {"NAME": "a", "EMAIL": "a@example.org", "DATE": "2020-01-01T00:00:00Z"}
_ENV = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in _WHO.items()}


class Repository:
    """A repository whose commits are written file by file, without a work tree: any path git can hold."""

    def __init__(self, root: Path) -> None:
        self.git_dir = root / "mirror.git"
        self.blob_cache = root / "cache" / "facts.sqlite"
        git("init", "--quiet", "--bare", self.git_dir)

    def commit(self, files: Mapping[str | bytes, str | bytes], links: Mapping[str, str] | None = None) -> str:
        """A commit on top of the last, with exactly `files` ("160000 <sha>" in `links` is a submodule)."""
        lines = [b"100644 %s\t%s" % (self._blob(text), _raw(path)) for path, text in files.items()]
        for path, target in (links or {}).items():
            mode, _, sha = target.partition(" ") if target.startswith("160000 ") else ("120000", "", "")
            lines.append(b"%s %s\t%s" % (mode.encode(), sha.encode() or self._blob(target), _raw(path)))
        index = {"GIT_INDEX_FILE": str(self.git_dir / "index")}
        git("--git-dir", self.git_dir, "read-tree", "--empty", env=index)
        rows = b"\0".join(lines)
        git("--git-dir", self.git_dir, "update-index", "-z", "--index-info", stdin=rows, env=index)
        tree = git("--git-dir", self.git_dir, "write-tree", "--missing-ok", env=index).decode().strip()
        parent = self._head()
        flags = ["-p", parent] if parent else []
        made = git("--git-dir", self.git_dir, "commit-tree", tree, *flags, "-m", "state", env=_ENV)
        git("--git-dir", self.git_dir, "update-ref", "refs/heads/main", made.decode().strip())
        return made.decode().strip()

    def tree(self, commit: str, *, cached: bool = False) -> Tree:
        """The commit as signals see it."""
        cache = self.blob_cache if cached else None
        return Tree(self.git_dir, "owner/name", commit, cache)

    def _head(self) -> str:
        return git("--git-dir", self.git_dir, "for-each-ref", "--format=%(objectname)").decode().strip()

    def _blob(self, text: str | bytes) -> bytes:
        return git("--git-dir", self.git_dir, "hash-object", "-w", "--stdin", stdin=_raw(text)).strip()


def _raw(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def tree_of(repository: Repository) -> Callable[..., Tree]:
    """A tree that holds exactly the given files."""
    return lambda files, links=None: repository.tree(repository.commit(files, links))
