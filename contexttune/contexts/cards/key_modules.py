"""The modules that changes go to, with their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.cards.ranked_sources import ranked_sources, reasons
from contexttune.contexts.map_layout import outlines
from contexttune.contexts.ranking.prior import outlined
from contexttune.interfaces import Card


@dataclass(frozen=True, kw_only=True)
class KeyModules(Card):
    """The likeliest modules, with the longest of their definitions: methods stand behind their class."""

    version: ClassVar[int] = 1
    name: str = "key_modules"
    max_chars: int = 700

    def render(self, signals: Mapping[str, Any]) -> str | None:
        modules = signals["py_index"]["modules"]
        ranked = outlined(
            ranked_sources(signals), lambda path: modules[path]["symbols"], total_chars=self.max_chars
        )
        return "\n".join(outlines(ranked, self.max_chars)) or None

    def reasons(self, signals: Mapping[str, Any]) -> Mapping[str, str]:
        return reasons(signals)
