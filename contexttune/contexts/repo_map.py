"""A map of a repository, the same for all issues at a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.map_layout import check_budget, lay_out
from contexttune.contexts.ranking.prior import activities, by_length
from contexttune.contexts.ranking.sources import other_sources, python_sources
from contexttune.errors import ConfigError
from contexttune.types import Context, Instance, RepoAtCommit


@dataclass(frozen=True, kw_only=True)
class RepoMap:
    """Files by how often and how lately they changed, with their longest definitions; all others by directory."""

    per_instance: ClassVar[bool] = False
    sends_block: ClassVar[bool] = True
    name: str = "repo_map"
    total_budget_chars: int = 8000
    tree_share: float = 0.5  # at most so much of the budget is kept for names of files without an outline
    half_life_commits: float = 300.0
    file_length_power: float = 0.33
    symbol_length_power: float = 0.7

    def __post_init__(self) -> None:
        check_budget(self.total_budget_chars, self.tree_share)
        if self.half_life_commits <= 0:
            raise ConfigError(f"condition.half_life_commits must be above 0, got {self.half_life_commits}")

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        modules = repo.signals["py_index"]["modules"]
        python, others = python_sources(repo), other_sources(repo)
        value = activities(
            [*python, *others],
            repo.signals,
            half_life_commits=self.half_life_commits,
            length_power=self.file_length_power,
        )
        ranked = [
            by_length(path, value[path], modules[path]["symbols"], length_power=self.symbol_length_power)
            for path in sorted(python, key=lambda path: (-value[path], path))
        ]
        text = lay_out(
            f"Map of {repo.repo}: files that change most first, with the longest of their definitions.",
            ranked,
            sorted(others, key=lambda path: (-value[path], path)),
            total_chars=self.total_budget_chars,
            tree_share=self.tree_share,
        )
        return Context(text=text)
