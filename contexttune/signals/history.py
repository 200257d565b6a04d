"""Which files recent commits changed: `base_commit` and its ancestors, never anything later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from contexttune.git import Tree, git
from contexttune.signals.background import submit
from contexttune.signals.blobcache import BlobCache, Kept

_VERSION = 2


class _Window(NamedTuple):
    """Sorted paths that each commit changed, newest commit first."""

    paths: dict[str, list[str]]
    is_new: bool  # whether git had to be asked


_RUNNING: WeakKeyDictionary[Tree, dict[int, Future[_Window]]] = WeakKeyDictionary()


def start(tree: Tree, window_commits: int) -> Future[_Window]:
    """Begin reading changes in the background: git works on another core while this process scans."""
    running = _RUNNING.setdefault(tree, {})
    if window_commits not in running:
        git_dir, commit, cache = tree.git_dir, tree.commit, _cache(tree)
        running[window_commits] = submit(lambda: _window(git_dir, commit, window_commits, cache))
    return running[window_commits]


def changes(tree: Tree, window_commits: int) -> list[list[str]]:
    """Sorted paths changed by each of the last non-merge commits, newest first.

    Raises ArtifactError when git cannot read the history.
    """
    window = start(tree, window_commits).result()
    if window.is_new:  # written here and not in the thread: the scan would wait for the cache
        _cache(tree).put({"": _to_keep(window.paths)})
    return list(window.paths.values())


def _cache(tree: Tree) -> BlobCache:
    """One record a repository, the last window read: windows of neighbouring commits overlap."""
    return BlobCache(path=tree.blob_cache, kind=f"changes-{_VERSION}")


def _window(git_dir: Path, commit: str, window_commits: int, cache: BlobCache) -> _Window:
    at = ("--git-dir", git_dir)
    listed = git(*at, "rev-list", "--no-merges", f"--max-count={window_commits}", commit, "--")
    commits = listed.decode().split()
    kept = cache.get([""])
    known = _from_kept(kept[""]) if kept else {}
    fresh = [name for name in commits if name not in known]
    if fresh:
        known |= _diffs(git_dir, fresh)
    return _Window({name: known[name] for name in commits}, bool(fresh))


def _diffs(git_dir: Path, commits: Iterable[str]) -> dict[str, list[str]]:
    """Plumbing, because `git log` obeys settings of the repository."""
    flags = ("--stdin", "-r", "--root", "--no-renames", "--name-only", "-z")
    asked = "".join(f"{name}\n" for name in commits).encode()
    out = git("--git-dir", git_dir, "diff-tree", *flags, stdin=asked)
    found: dict[str, list[str]] = {name: [] for name in commits}
    current: list[str] = []
    for path in out.decode("utf-8", "surrogateescape").split("\0"):
        if path in found and not found[path]:
            current = found[path]
        elif path:
            current.append(path)
    return {name: sorted(paths) for name, paths in found.items()}


def _to_keep(paths: Mapping[str, Iterable[str]]) -> Kept:
    """Bytes, because a path need not be UTF-8; no path is empty, so two NULs part the commits."""
    text = "\0\0".join("\0".join((name, *changed)) for name, changed in paths.items())
    return Kept(None, text.encode("utf-8", "surrogateescape"))


def _from_kept(kept: Kept) -> dict[str, list[str]]:
    blocks = kept.body.decode("utf-8", "surrogateescape").split("\0\0")
    return {words[0]: words[1:] for words in (block.split("\0") for block in blocks)}
