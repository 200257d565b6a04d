"""The modules that changes go to, with their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contexttune.contexts.cards.worth import ranked_sources, reasons
from contexttune.contexts.map_layout import outlines
from contexttune.contexts.ranking.prior import by_length

_SYMBOL_LENGTH_POWER = 0.7  # as in repo_map


@dataclass(frozen=True, kw_only=True)
class KeyModules:
    """The likeliest modules, with the longest of their definitions: methods stand behind their class."""

    name: str = "key_modules"
    max_chars: int = 700

    def render(self, signals: Mapping[str, Any]) -> str | None:
        modules = signals["py_index"]["modules"]
        ranked = [
            by_length(path, value, modules[path]["symbols"], length_power=_SYMBOL_LENGTH_POWER)
            for path, value in ranked_sources(signals)
        ]
        return "\n".join(outlines(ranked, self.max_chars)) or None

    def reasons(self, signals: Mapping[str, Any]) -> Mapping[str, str]:
        return reasons(signals)
