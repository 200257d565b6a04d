"""Paths that recent commits changed: `base_commit` and its ancestors, never anything later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from contexttune.repos.git import Running, Tree, git


class History:
    """The last non-merge commits of a history, which git reads in the background."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._n_asked = 0
        self._running: list[tuple[list[str], Running]] = []
        self._changes: list[list[str]] = []

    def start(self, n_commits: int) -> None:
        """Begin reading the last `n_commits`, except those that are being read already."""
        if n_commits <= self._n_asked:
            return
        flags = ("--no-merges", f"--skip={self._n_asked}", f"--max-count={n_commits - self._n_asked}")
        listed = git("--git-dir", self._tree.git_dir, "rev-list", *flags, self._tree.commit, "--")
        self._running.append((listed.decode().split(), self._diffs(listed)))
        self._n_asked = n_commits

    def changes(self, n_commits: int) -> list[list[str]]:
        """Sorted paths that each of the last `n_commits` changed, newest commit first.

        Raises ArtifactError when git cannot read the history.
        """
        self.start(n_commits)
        while self._running:
            commits, diffs = self._running.pop(0)
            self._changes += _changed_paths(diffs.output(), commits)
        return self._changes[:n_commits]

    def _diffs(self, commits: bytes) -> Running:
        """Plumbing, because `git log` obeys settings of the repository."""
        flags = ("--stdin", "-r", "--root", "--no-renames", "--name-only", "-z")
        return Running("--git-dir", self._tree.git_dir, "diff-tree", *flags, stdin=commits)


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
