"""What the repository itself tells agents and contributors."""

from __future__ import annotations

import logging
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.budget import Unit, check, cut_to
from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.repos.git import Tree
from contexttune.types import Context, Instance

log = logging.getLogger(__name__)

_SYMLINK = "120000"
_MOST_LINKS = 40  # as Linux allows on the way to a file


@dataclass(frozen=True, kw_only=True)
class AgentsMd(ContextGenerator):
    """The first of `files` that holds any text at the commit, or `all` of them under their names as headings.

    A symlink is followed as long as it stays in the tree. Nothing found: an empty text, and no block.
    """

    version: ClassVar[int] = 1
    name: str = "agents_md"
    files: list[str]
    all: bool = False
    budget: int = 3200
    budget_unit: Unit = "chars"

    def __post_init__(self) -> None:
        check(self.budget, self.budget_unit)
        if not self.files:
            raise ConfigError("condition.files is empty: name files such as AGENTS.md, the preferred first")

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        found = list(self._texts(repo.tree))
        where = f"{repo.repo}@{repo.base_commit[:10]}"
        if not found:
            log.info("%s has none of %s, and no block", where, ", ".join(self.files))
            return Context(text="")
        text = "\n\n".join(f"## {path}\n{text}" for path, text in found) if self.all else found[0][1]
        shown = cut_to(text, self.budget, self.budget_unit)
        if shown != text:
            sizes = len(shown), len(text), self.budget, self.budget_unit
            log.warning(
                "%s: %s is cut to %d of %d characters (condition.budget=%d %s)", where, found[0][0], *sizes
            )
        return Context(text=shown)

    def _texts(self, tree: Tree) -> Iterator[tuple[str, str]]:
        """(path as configured, text) of each file that holds any; one that several names lead to is told once."""
        seen = set()
        for path in self.files:
            target = followed(tree, path)
            text = (tree.text(target) or "") if target and target not in seen else ""
            seen.add(target)
            if text.strip():
                yield path, text.removeprefix("\ufeff").replace("\r\n", "\n").strip()


def followed(tree: Tree, path: str, links_left: int = _MOST_LINKS) -> str | None:
    """The regular file that `path` leads to through symlinks of the tree; None: there is none, or it lies outside."""
    parts = path.split("/")
    for n in range(1, len(parts) + 1):
        entry = tree.by_path.get("/".join(parts[:n]))
        if entry and entry.mode == _SYMLINK:
            ((_, raw),) = tree.read([entry.blob])
            target = raw.decode("utf-8", "surrogateescape")
            led = posixpath.normpath(posixpath.join(*parts[: n - 1], target, *parts[n:]))
            return followed(tree, led, links_left - 1) if links_left else None
    entry = tree.by_path.get(path)
    return path if entry and entry.is_file else None
