"""A map of a repository for one issue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.map_layout import Laid, MapSettings, lay_out
from contexttune.contexts.ranking.issue import read
from contexttune.contexts.ranking.prior import FILE_LENGTH_POWER, activities
from contexttune.contexts.ranking.relevance import Ranking, Weights, why
from contexttune.contexts.ranking.sources import indexed_sources, other_sources
from contexttune.errors import ConfigError
from contexttune.interfaces import RepoAtCommit
from contexttune.types import Context, Instance


@dataclass(frozen=True, kw_only=True)
class IssueMap(MapSettings):
    """Files by what the issue says, with their definitions that it is likely about; all others by directory."""

    version: ClassVar[int] = 1
    per_instance: ClassVar[bool] = True
    name: str = "issue_map"
    tree_share: float = 0.4
    definition_weight: float = 0.65  # BM25 of a file's best definition; next to 1 for BM25 of the whole file
    name_weight: float = 0.5  # definitions whose very name stands in the issue
    place_weight: float = 0.8  # path, module or stack frame in the issue
    prior_weight: float = 0.2  # what changes often, as in repo_map

    def __post_init__(self) -> None:
        super().__post_init__()
        for key in ("definition_weight", "name_weight", "place_weight", "prior_weight"):
            if getattr(self, key) < 0:
                raise ConfigError(f"condition.{key} must not be below 0, got {getattr(self, key)}")

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        assert instance is not None
        return Context(text=self._laid(repo, instance).text)

    def reasons(self, repo: RepoAtCommit, instance: Instance | None) -> list[str]:
        """Why each line of that text stands there."""
        assert instance is not None
        return self._laid(repo, instance).reasons(why)

    def _laid(self, repo: RepoAtCommit, instance: Instance) -> Laid:
        indexed, others = indexed_sources(repo), other_sources(repo)
        prior = activities(
            [*indexed, *others],
            repo.signals,
            half_life_commits=self.half_life_commits,
            length_power=FILE_LENGTH_POWER,
        )
        ranking = Ranking(
            repo=repo,
            issue=read(instance.problem_statement),
            paths=indexed,
            prior={path: prior[path] for path in indexed},
            weights=Weights(
                definition=self.definition_weight,
                name=self.name_weight,
                place=self.place_weight,
                prior=self.prior_weight,
            ),
        )
        return lay_out(
            f"Map of {repo.repo} for this issue: likeliest files first, with their likeliest definitions.",
            ranking.files(),
            sorted(others, key=lambda path: (-prior[path], path)),
            total_chars=self.total_budget_chars,
            tree_share=self.tree_share,
        )
