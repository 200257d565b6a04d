"""The files most likely to change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.braces import braced
from contexttune.contexts.cards.ranked_sources import RankedSourcesCard, ranked_sources

_HEADING = "Source files by how often and lately they changed, the first ones in this order:"


@dataclass(frozen=True, kw_only=True)
class WhereToLook(RankedSourcesCard):
    """The likeliest files: the first ones one per line, the others grouped by directory."""

    version: ClassVar[int] = 1
    name: str = "where_to_look"
    n_files: int = 50
    n_leading: int = 6
    max_chars: int = 880

    def render(self, signals: Mapping[str, Any]) -> str | None:
        paths = [path for path, _ in ranked_sources(signals)][: self.n_files]
        leading, others = paths[: self.n_leading], paths[self.n_leading :]
        room = self.max_chars - len("\n".join([_HEADING, *leading])) - 1
        return "\n".join([_HEADING, *leading, *braced(others, room)]) if paths else None
