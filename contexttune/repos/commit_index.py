"""Applies a change to a commit without a checkout, and returns it as git's own diff."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from contexttune.repos.git import Tree, git, try_git

# Whatever attributes and settings say: one form for all patches.
DIFF = ("diff", "--cached", "--binary", "--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")


@dataclass(frozen=True)
class CommitIndex:
    """A temporary index and object store on top of those of a mirror."""

    tree: Tree
    env: Mapping[str, str]

    def apply(self, patch: str, *, repaired: bool = False) -> str | None:
        """The diff after applying `patch`, or None when `git apply --check` refuses it.

        Line counts must be right: git ignores what follows a hunk that is longer than its header says. A `repaired`
        patch may differ in whitespace, and its hunks need not reach the end of a file to have no trailing context.
        """
        raw = patch.encode("utf-8", "surrogateescape")
        attempts = [(), ("--ignore-whitespace",), ("--unidiff-zero",)] if repaired else [()]
        for options in attempts:
            if self._applies(raw, "--check", *options) and self._applies(raw, *options):
                return self.diff()
        return None

    def write(self, files: Mapping[str, str]) -> str:
        """The diff after replacing the text of `files`."""
        for path, text in sorted(files.items()):
            raw = text.encode("utf-8", "surrogateescape")
            blob = self._git("hash-object", "-w", "--stdin", stdin=raw)
            old = self.tree.by_path.get(path)
            info = f"{old.mode if old else '100644'},{blob.decode().strip()},{path}"
            self._git("update-index", "--add", "--cacheinfo", info)
        return self.diff()

    def diff(self) -> str:
        """The staged changes to the commit; bytes that are not UTF-8 are surrogate-escaped."""
        return self._git(*DIFF, self.tree.commit).decode("utf-8", "surrogateescape")

    def _git(self, *args: str, stdin: bytes = b"") -> bytes:
        return git("--git-dir", self.tree.git_dir, *args, stdin=stdin, env=self.env)

    def _applies(self, patch: bytes, *options: str) -> bool:
        command = ("--git-dir", self.tree.git_dir, "apply", "--cached")
        return try_git(*command, *options, "-", stdin=patch, env=self.env).returncode == 0


@contextmanager
def commit_index(tree: Tree) -> Iterator[CommitIndex]:
    """A temporary index of the commit; staging changes does not touch the mirror."""
    with tempfile.TemporaryDirectory(prefix="contexttune-") as scratch:
        objects = Path(scratch) / "objects"
        objects.mkdir()
        env = {
            "GIT_INDEX_FILE": str(Path(scratch) / "index"),
            "GIT_OBJECT_DIRECTORY": str(objects),
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(tree.git_dir.resolve() / "objects"),
        }
        git("--git-dir", tree.git_dir, "read-tree", tree.commit, env=env)
        yield CommitIndex(tree, env)
