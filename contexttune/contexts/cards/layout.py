"""Source files by directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.braces import braced
from contexttune.contexts.cards.ranked_sources import RankedSourcesCard, ranked_sources


@dataclass(frozen=True, kw_only=True)
class Layout(RankedSourcesCard):
    """Source files by directory, without the first `without_first`, which another card names."""

    version: ClassVar[int] = 1
    name: str = "layout"
    without_first: int = 0
    max_chars: int = 880

    def render(self, signals: Mapping[str, Any]) -> str | None:
        paths = [path for path, _ in ranked_sources(signals)]
        others = paths[self.without_first :]
        heading = f"{'Other source' if self.without_first else 'Source'} files, {len(others)} in all:"
        lines = braced(others, self.max_chars - len(heading) - 1)
        return "\n".join([heading, *lines]) if lines else None
