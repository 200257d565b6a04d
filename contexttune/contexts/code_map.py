"""Maps of a repository: ranked files with outlines within a budget, and all other files by directory."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.budget import require_at_least
from contexttune.contexts.map_layout import MapText, lay_out
from contexttune.contexts.ranking.outline import RankedFile
from contexttune.contexts.ranking.prior import FILE_LENGTH_POWER, activities
from contexttune.contexts.ranking.sources import indexed_sources, other_sources
from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.system.gc_pause import gc_paused
from contexttune.types import Context, Instance


@dataclass(frozen=True, kw_only=True)
class CodeMap(ContextGenerator):
    """A map; subclasses rank the files whose definitions are known."""

    title: ClassVar[str]  # {repo} is filled in
    total_budget_chars: int = 8000
    tree_share: float = 0.7  # the largest share of the budget that is reserved for files without an outline
    half_life_commits: float = 300.0  # a change this many commits ago counts half
    file_length_power: float = FILE_LENGTH_POWER  # files are ranked by changes times length to this power

    def __post_init__(self) -> None:
        require_at_least(1, self, "total_budget_chars")
        if not 0 <= self.tree_share <= 1:
            raise ConfigError(f"condition.tree_share must be between 0 and 1, got {self.tree_share}")
        if self.half_life_commits <= 0:
            raise ConfigError(f"condition.half_life_commits must be above 0, got {self.half_life_commits}")

    @abstractmethod
    def rank(self, repo: RepoAtCommit, issue: str, prior: Mapping[str, float]) -> list[RankedFile]:
        """The files of `prior` (path -> activity) and values of their definitions, the likeliest to change first."""

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        with gc_paused():
            return Context(text=self._map(repo, instance).text)

    def reasons(self, repo: RepoAtCommit, instance: Instance | None) -> list[str]:
        """The reason for each line of the text."""
        return self._map(repo, instance).reasons()

    def _map(self, repo: RepoAtCommit, instance: Instance | None) -> MapText:
        issue = instance.problem_statement if instance else ""
        indexed, others = indexed_sources(repo), other_sources(repo)
        activity = activities(
            [*indexed, *others],
            repo.signals,
            half_life_commits=self.half_life_commits,
            length_power=self.file_length_power,
        )
        return lay_out(
            self.title.format(repo=repo.repo),
            self.rank(repo, issue, {path: activity[path] for path in indexed}),
            sorted(others, key=lambda path: (-activity[path], path)),
            total_chars=self.total_budget_chars,
            tree_share=self.tree_share,
        )
