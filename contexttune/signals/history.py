"""Which files recent commits changed: `base_commit` and its ancestors, never anything later."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from weakref import WeakKeyDictionary

from contexttune.repos.git import Running, Tree
from contexttune.signals.cache.blob_cache import Kept
from contexttune.signals.cache.last_commit import LastCommit, is_stale
from contexttune.signals.cache.path_lists import packed, unpacked

_VERSION = 3


class _Window:
    """The last commits of one history, asked of git in two steps that both run beside this process."""

    def __init__(self, tree: Tree, window_commits: int) -> None:
        self._git_dir, self._last = tree.git_dir, _last(tree)
        flags = ("--no-merges", f"--max-count={window_commits}")
        self._listing = Running("--git-dir", self._git_dir, "rev-list", *flags, tree.commit, "--")
        kept = self._last.get()
        self._known = unpacked(kept.body) if kept else {}
        self._commits: list[str] | None = None
        self._fresh: list[str] = []
        self._diffs: Running | None = None
        self._changes: list[list[str]] | None = None

    def compare(self) -> None:
        """Begin to compare with their parents the commits that the cache does not know."""
        if self._commits is not None:
            return
        self._commits = self._listing.output().decode().split()
        self._fresh = [name for name in self._commits if name not in self._known]
        if self._fresh:
            self._diffs = _diffs(self._git_dir, self._fresh)

    def changes(self) -> list[list[str]]:
        """Sorted paths that each commit changed, newest commit first."""
        if self._changes is None:
            self.compare()
            if self._diffs is not None:
                self._known |= _read(self._diffs.output(), self._fresh)
            window = {name: self._known[name] for name in self._commits or ()}
            if is_stale(len(window) - len(self._fresh), len(window)):
                self._last.put(Kept(None, packed(window)))
            self._changes = list(window.values())
        return self._changes


_WINDOWS: WeakKeyDictionary[Tree, dict[int, _Window]] = WeakKeyDictionary()


def launch(tree: Tree, window_commits: int) -> None:
    """Begin listing the commits."""
    _window(tree, window_commits)


def start(tree: Tree, window_commits: int) -> None:
    """Begin reading what they changed: git works on another core while this process scans."""
    _window(tree, window_commits).compare()


def changes(tree: Tree, window_commits: int) -> list[list[str]]:
    """Sorted paths changed by each of the last non-merge commits, newest first.

    Raises ArtifactError when git cannot read the history.
    """
    return _window(tree, window_commits).changes()[:window_commits]


def _window(tree: Tree, window_commits: int) -> _Window:
    """One that holds as many commits: the newest of a longer one are those of a shorter one."""
    windows = _WINDOWS.setdefault(tree, {})
    longest = max(windows, default=0)
    if longest >= window_commits:
        return windows[longest]
    windows[window_commits] = _Window(tree, window_commits)
    return windows[window_commits]


def _last(tree: Tree) -> LastCommit:
    """The last window read: windows of neighbouring commits overlap."""
    return LastCommit.of(tree, f"changes-{_VERSION}")


def _diffs(git_dir: Path, commits: Iterable[str]) -> Running:
    """Plumbing, because `git log` obeys settings of the repository."""
    flags = ("--stdin", "-r", "--root", "--no-renames", "--name-only", "-z")
    asked = "".join(f"{name}\n" for name in commits).encode()
    return Running("--git-dir", git_dir, "diff-tree", *flags, stdin=asked)


def _read(out: bytes, commits: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in commits}
    current: list[str] = []
    for path in out.decode("utf-8", "surrogateescape").split("\0"):
        if path in found and not found[path]:
            current = found[path]
        elif path:
            current.append(path)
    return {name: sorted(paths) for name, paths in found.items()}
