"""Paths that recent commits changed: `base_commit` and its ancestors, never anything later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contexttune.repos.git import Tree, git

_AT_ONCE = 1000  # commits, enough for the windows of all signals: git reads the history once


class History:
    """The last non-merge commits of a history."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._n_read = 0
        self._changes: list[list[str]] = []

    def changes(self, n_commits: int) -> list[list[str]]:
        """Sorted paths that each of the last `n_commits` changed, newest commit first.

        Raises ArtifactError when git cannot read the history.
        """
        if n_commits > self._n_read:
            self._n_read = max(n_commits, _AT_ONCE)
            self._changes = self._read(self._n_read)
        return self._changes[:n_commits]

    def _read(self, n_commits: int) -> list[list[str]]:
        """Plumbing, because `git log` obeys settings of the repository."""
        git_dir = ("--git-dir", self._tree.git_dir)
        window = ("--no-merges", f"--max-count={n_commits}", self._tree.commit, "--")
        commits = git(*git_dir, "rev-list", *window)
        flags = ("--stdin", "-r", "--root", "--no-renames", "--name-only", "-z")
        diffs = git(*git_dir, "diff-tree", *flags, stdin=commits)
        return list(_changed_paths(diffs, commits.decode().split()))


def _changed_paths(out: bytes, commits: Iterable[str]) -> Iterator[list[str]]:
    """Changed paths in the output of `diff-tree -z`, where the paths of a commit follow its name."""
    found: dict[str, list[str]] = {name: [] for name in commits}
    current: list[str] = []
    for word in out.decode("utf-8", "surrogateescape").split("\0"):
        if word in found and not found[word]:
            current = found[word]
        elif word:
            current.append(word)
    return map(sorted, found.values())
