"""Which files recent commits changed: `base_commit` and its ancestors, never anything later."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple
from weakref import WeakKeyDictionary

from contexttune.git import Tree, git
from contexttune.signals.blobcache import BlobCache

_VERSION = 1


class _Read(NamedTuple):
    """Commits of the window, newest first, and the sorted paths each of them changed."""

    commits: list[str]
    paths: dict[str, list[str]]
    fresh: list[str]  # commits that the cache did not know


_RUNNING: WeakKeyDictionary[Tree, dict[int, Future[_Read]]] = WeakKeyDictionary()


def start(tree: Tree, window_commits: int) -> Future[_Read]:
    """Begin reading changes in the background: git works on another core while this process scans."""
    running = _RUNNING.setdefault(tree, {})
    if window_commits not in running:
        pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="history")
        running[window_commits] = pool.submit(
            _read, str(tree.git_dir), tree.commit, window_commits, _cache(tree)
        )
        pool.shutdown(wait=False)
    return running[window_commits]


def changes(tree: Tree, window_commits: int) -> list[list[str]]:
    """Sorted paths changed by each of the last non-merge commits, newest first.

    Raises ArtifactError when git cannot read the history.
    """
    read = start(tree, window_commits).result()
    # kept here and not in the thread: a writer would make the scan wait for the cache
    _cache(tree).put(
        {name: {"paths": read.paths[name]} for name in read.fresh if _storable(read.paths[name])}
    )
    read.fresh.clear()
    return [read.paths[name] for name in read.commits]


def _cache(tree: Tree) -> BlobCache:
    return BlobCache(path=tree.blob_cache, kind=f"changes-{_VERSION}")


def _read(git_dir: str, commit: str, window_commits: int, cache: BlobCache) -> _Read:
    listed = git(
        *("--git-dir", git_dir, "rev-list", "--no-merges", f"--max-count={window_commits}", commit, "--")
    )
    commits = listed.decode().split()
    paths: dict[str, list[str]] = {
        name: record["paths"] for name, record in cache.get(commits).items() if "paths" in record
    }
    fresh = [name for name in commits if name not in paths]
    if fresh:
        paths |= _diffs(git_dir, fresh)
    return _Read(commits, paths, fresh)


def _diffs(git_dir: str, commits: Sequence[str]) -> dict[str, list[str]]:
    """Plumbing, because `git log` obeys settings of the repository."""
    out = git(
        *("--git-dir", git_dir, "diff-tree", "--stdin", "-r", "--root", "--no-renames", "--name-only", "-z"),
        stdin="".join(f"{name}\n" for name in commits).encode(),
    )
    found: dict[str, list[str]] = {name: [] for name in commits}
    current: list[str] = []
    for word in out.split(b"\0"):
        path = word.decode("utf-8", "surrogateescape")
        if path in found and not found[path]:
            current = found[path]
        elif path:
            current.append(path)
    return {name: sorted(paths) for name, paths in found.items()}


def _storable(paths: Sequence[str]) -> bool:
    return all(path.isascii() or path.isprintable() for path in paths)
