"""Instructions that the repository itself has for agents and contributors."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.budget import Budgeted
from contexttune.errors import ConfigError
from contexttune.interfaces import RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.types import Context, Instance

log = logging.getLogger(__name__)

_SYMLINK = "120000"
_MAX_LINKS = 40  # Linux has the same limit on the way to a file


@dataclass(frozen=True, kw_only=True)
class AgentsMd(Budgeted):
    """The first of `files` that is not empty at the commit, or `all` of them under their names as headings.

    Symlinks are followed inside the repository. When nothing is found, no block is sent.
    """

    version: ClassVar[int] = 1
    name: str = "agents_md"
    files: list[str]
    all: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.files:
            raise ConfigError(
                "condition.files is empty: name files such as AGENTS.md, in order of preference"
            )

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        found = list(self._texts(repo.tree))
        where = f"{repo.repo}@{repo.base_commit[:10]}"
        if not found:
            log.info("%s: none of %s found, so no block is sent", where, ", ".join(self.files))
            return Context(text="")
        text = "\n\n".join(f"## {path}\n{text}" for path, text in found) if self.all else found[0][1]
        return Context(text=self.within_budget(text, f"{where}: {found[0][0]}"))

    def _texts(self, tree: Tree) -> Iterator[tuple[str, str]]:
        """(path as configured, text) of each file that is not empty; a file with several names occurs once."""
        seen = set()
        for path in self.files:
            target = resolve_symlinks(tree, path)
            text = (tree.text(target) or "") if target and target not in seen else ""
            seen.add(target)
            if text.strip():
                yield path, text.removeprefix("\ufeff").replace("\r\n", "\n").strip()


def resolve_symlinks(tree: Tree, path: str, links_left: int = _MAX_LINKS) -> str | None:
    """The regular file that `path` leads to inside the tree, or None."""
    parts = path.split("/")
    for n in range(1, len(parts) + 1):
        entry = tree.by_path.get("/".join(parts[:n]))
        if entry and entry.mode == _SYMLINK:
            ((_, raw),) = tree.read([entry.blob])
            target = raw.decode("utf-8", "surrogateescape")
            resolved = posixpath.normpath(posixpath.join(*parts[: n - 1], target, *parts[n:]))
            return resolve_symlinks(tree, resolved, links_left - 1) if links_left else None
    entry = tree.by_path.get(path)
    return path if entry and entry.is_file else None
