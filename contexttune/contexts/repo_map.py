"""A map of a repository, the same for all issues at a commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from contexttune.contexts.code_map import CodeMap
from contexttune.contexts.ranking.outline import RankedFile, symbols_of
from contexttune.contexts.ranking.prior import SYMBOL_LENGTH_POWER, explain, outlined
from contexttune.interfaces import RepoAtCommit


@dataclass(frozen=True, kw_only=True)
class RepoMap(CodeMap):
    """Files by how often and how recently they changed, with their longest definitions; all others by directory."""

    version: ClassVar[int] = 1
    title: ClassVar[str] = (
        "Map of {repo}: files that change most first, with the longest of their definitions."
    )
    name: str = "repo_map"
    symbol_length_power: float = SYMBOL_LENGTH_POWER

    def rank(self, repo: RepoAtCommit, issue: str, prior: Mapping[str, float]) -> list[RankedFile]:
        ranked = outlined(
            sorted(prior.items(), key=lambda item: (-item[1], item[0])),
            partial(symbols_of, repo.signals),
            total_chars=self.total_budget_chars,
            length_power=self.symbol_length_power,
        )
        return [file._replace(reason=explain(file, repo.signals)) for file in ranked]
