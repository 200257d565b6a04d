"""Applies a change to a commit in memory of git, no checkout, and takes git's own diff of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

from contexttune.repos.git import Tree, git, try_git


@dataclass(frozen=True)
class CommitIndex:
    """A throw-away index and object store on top of a mirror's."""

    tree: Tree
    env: Mapping[str, str]

    def apply(self, patch: str, *, lines_are_true: bool = False) -> str | None:
        """git's diff after applying `patch`, or None when `git apply --check` refuses it.

        `lines_are_true` lets a hunk without context after it stand elsewhere than at the end of the file.
        """
        raw = patch.encode("utf-8", "surrogateescape")
        ways: list[tuple[str, ...]] = [(), ("--recount",), ("--recount", "--ignore-whitespace")]
        for options in [*ways, ("--recount", "--unidiff-zero")] if lines_are_true else ways:
            checked = self._try("apply", "--cached", "--check", *options, "-", stdin=raw)
            if (
                checked.returncode == 0
                and self._try("apply", "--cached", *options, "-", stdin=raw).returncode == 0
            ):
                return self.diff()
        return None

    def write(self, files: Mapping[str, str]) -> str:
        """git's diff after replacing the text of `files`."""
        for path, text in sorted(files.items()):
            raw = text.encode("utf-8", "surrogateescape")
            blob = git(
                "--git-dir", self.tree.git_dir, "hash-object", "-w", "--stdin", stdin=raw, env=self.env
            )
            old = self.tree.by_path.get(path)
            info = f"{old.mode if old else '100644'},{blob.decode().strip()},{path}"
            git("--git-dir", self.tree.git_dir, "update-index", "--add", "--cacheinfo", info, env=self.env)
        return self.diff()

    def diff(self) -> str:
        """The staged change against the commit; bytes that are not UTF-8 are surrogate-escaped."""
        options = ("--cached", "--binary", "--no-color", "--no-ext-diff", "--no-renames", self.tree.commit)
        return git("--git-dir", self.tree.git_dir, "diff", *options, env=self.env).decode(
            "utf-8", "surrogateescape"
        )

    def _try(self, *args: str, stdin: bytes) -> CompletedProcess[bytes]:
        return try_git("--git-dir", self.tree.git_dir, *args, stdin=stdin, env=self.env)


@contextmanager
def commit_index(tree: Tree) -> Iterator[CommitIndex]:
    """An index that holds the commit; what is staged in it leaves the mirror untouched."""
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
