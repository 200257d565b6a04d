"""A map of a repository, the same for all issues at a commit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from contexttune.contexts.map_layout import Laid, MapSettings, lay_out
from contexttune.contexts.ranking.outline import symbols_of
from contexttune.contexts.ranking.prior import (
    FILE_LENGTH_POWER,
    SYMBOL_LENGTH_POWER,
    activities,
    outlined,
    why,
)
from contexttune.contexts.ranking.sources import indexed_sources, other_sources
from contexttune.interfaces import RepoAtCommit
from contexttune.system.gc_pause import gc_paused
from contexttune.types import Context, Instance


@dataclass(frozen=True, kw_only=True)
class RepoMap(MapSettings):
    """Files by how often and how lately they changed, with their longest definitions; all others by directory."""

    version: ClassVar[int] = 1
    name: str = "repo_map"
    file_length_power: float = FILE_LENGTH_POWER
    symbol_length_power: float = SYMBOL_LENGTH_POWER

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        with gc_paused():
            return Context(text=self._laid(repo).text)

    def reasons(self, repo: RepoAtCommit, instance: Instance | None) -> list[str]:
        """Why each line of that text stands there."""
        return self._laid(repo).reasons(lambda file: why(file, repo.signals))

    def _laid(self, repo: RepoAtCommit) -> Laid:
        indexed, others = indexed_sources(repo), other_sources(repo)
        value = activities(
            [*indexed, *others],
            repo.signals,
            half_life_commits=self.half_life_commits,
            length_power=self.file_length_power,
        )
        ranked = outlined(
            [(path, value[path]) for path in sorted(indexed, key=lambda path: (-value[path], path))],
            partial(symbols_of, repo.signals),
            total_chars=self.total_budget_chars,
            length_power=self.symbol_length_power,
        )
        return lay_out(
            f"Map of {repo.repo}: files that change most first, with the longest of their definitions.",
            ranked,
            sorted(others, key=lambda path: (-value[path], path)),
            total_chars=self.total_budget_chars,
            tree_share=self.tree_share,
        )
