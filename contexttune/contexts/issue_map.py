"""A map of a repository for one issue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.budget import require_at_least
from contexttune.contexts.code_map import CodeMap
from contexttune.contexts.ranking.issue import read
from contexttune.contexts.ranking.outline import RankedFile
from contexttune.contexts.ranking.relevance import Ranking
from contexttune.interfaces import RepoAtCommit


@dataclass(frozen=True, kw_only=True)
class IssueMap(CodeMap):
    """Files by relevance to the issue, with their most relevant definitions; all others by directory."""

    version: ClassVar[int] = 1
    per_instance: ClassVar[bool] = True
    title: ClassVar[str] = (
        "Map of {repo} for this issue: likeliest files first, with their likeliest definitions."
    )
    name: str = "issue_map"
    tree_share: float = 0.4
    definition_weight: float = 0.65  # BM25 of a file's best definition; BM25 of the whole file has weight 1
    name_weight: float = 0.5  # definitions that the issue names
    place_weight: float = 0.8  # path, module or stack frame in the issue
    prior_weight: float = 0.2  # activity, as in repo_map

    def __post_init__(self) -> None:
        super().__post_init__()
        require_at_least(0, self, "definition_weight", "name_weight", "place_weight", "prior_weight")

    def rank(self, repo: RepoAtCommit, issue: str, prior: Mapping[str, float]) -> list[RankedFile]:
        return Ranking(
            repo=repo,
            issue=read(issue),
            prior=prior,
            definition_weight=self.definition_weight,
            name_weight=self.name_weight,
            place_weight=self.place_weight,
            prior_weight=self.prior_weight,
        ).files()
