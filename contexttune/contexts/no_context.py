"""The control arm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.types import Context, Instance


@dataclass(frozen=True, kw_only=True)
class NoContext(ContextGenerator):
    """Sends no block: the agent gets the problem statement alone."""

    version: ClassVar[int] = 1
    sends_block: ClassVar[bool] = False
    name: str = "no_context"

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        return Context(text="")
