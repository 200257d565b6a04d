"""The modules most likely to change, with their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.cards.ranked_sources import RankedSourcesCard, ranked_sources
from contexttune.contexts.map_layout import outline_lines
from contexttune.contexts.ranking.prior import outlined


@dataclass(frozen=True, kw_only=True)
class KeyModules(RankedSourcesCard):
    """The likeliest modules, with their longest definitions; methods follow their class."""

    version: ClassVar[int] = 1
    name: str = "key_modules"
    max_chars: int = 700

    def render(self, signals: Mapping[str, Any]) -> str | None:
        modules = signals["py_index"]["modules"]
        ranked = outlined(
            ranked_sources(signals), lambda path: modules[path]["symbols"], total_chars=self.max_chars
        )
        return "\n".join(outline_lines(ranked, self.max_chars)) or None
