"""The paths of a commit, by what changed since another one: most trees of a repository never change."""

from __future__ import annotations

import logging
from typing import NamedTuple
from weakref import WeakKeyDictionary

from contexttune.errors import ArtifactError
from contexttune.repos.git import Entry, Running, Tree, entries_of
from contexttune.signals.cache.blob_cache import Kept
from contexttune.signals.cache.last_commit import LastCommit, is_stale

log = logging.getLogger(__name__)

_FLAGS = ("-r", "-z", "--raw", "--no-abbrev", "--no-renames", "--ignore-submodules=none")
_ABSENT = "000000"  # the mode of what is deleted


class _Near(NamedTuple):
    """The last commit's entries by path, and git telling what changed since."""

    entries: dict[str, Entry]
    changes: Running


_NEAR: WeakKeyDictionary[Tree, _Near] = WeakKeyDictionary()


def launch(tree: Tree) -> None:
    """Begin what `entries` waits for."""
    if tree.is_listed or tree in _NEAR:
        return
    kept = _last(tree).get()
    if kept is None:
        tree.start_listing()
        return
    changes = Running("--git-dir", tree.git_dir, "diff-tree", *_FLAGS, kept.head, tree.commit, "--")
    _NEAR[tree] = _Near({entry.path: entry for entry in entries_of(bytes(kept.body))}, changes)


def entries(tree: Tree) -> tuple[Entry, ...]:
    """`tree.entries`, found the quicker way where there is one."""
    near, n_same = _NEAR.pop(tree, None), 0
    if near is not None:
        n_same = _adopt(tree, near)
    elif tree.is_listed:
        return tree.entries
    found = tree.entries
    if is_stale(n_same, len(found)):
        lines = [f"{entry.mode} object {entry.blob}\t{entry.path}\0" for entry in found]
        _last(tree).put(Kept(tree.commit, "".join(lines).encode("utf-8", "surrogateescape")))
    return found


def _adopt(tree: Tree, near: _Near) -> int:
    """Make `near` the tree's entries; how many are as they were. 0: git does not know the other commit."""
    try:
        out = near.changes.output()
    except ArtifactError as error:
        log.debug("%s: listing all of %s: %s", tree.repo, tree.commit, error)
        return 0
    found, words = near.entries, out.decode("utf-8", "surrogateescape").split("\0")[:-1]
    n_same = len(found) - len(words) // 2
    for meta, path in zip(words[::2], words[1::2], strict=True):
        _, mode, _, blob, _ = meta.split(" ")
        if mode == _ABSENT:
            del found[path]
        else:
            found[path] = Entry(path, mode, blob)
    tree.adopt(sorted(found.values(), key=lambda entry: entry.path.encode("utf-8", "surrogateescape")))
    return n_same


def _last(tree: Tree) -> LastCommit:
    return LastCommit.of(tree, "files-1")
