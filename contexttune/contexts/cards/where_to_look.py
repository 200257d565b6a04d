"""The files that recent changes went to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contexttune.contexts.cards.source_files import grouped, is_source


@dataclass(frozen=True, kw_only=True)
class WhereToLook:
    """Files by recent churn, grouped by directory: a directory costs its name once."""

    name: str = "where_to_look"
    n_files: int = 40

    def render(self, signals: Mapping[str, Any]) -> str | None:
        changed = [item["path"] for item in signals["hot_paths"]["by_churn"] if is_source(item["path"])]
        lines = [
            f"- `{directory}/`: {' '.join(names)}" for directory, names in grouped(changed[: self.n_files])
        ]
        return "Changed most in recent commits, in this order:\n" + "\n".join(lines) if lines else None
