"""Where things are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contexttune.contexts.cards.source_files import count_by, is_source


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Directories of source files with their sizes, the largest first."""

    name: str = "layout"

    def render(self, signals: Mapping[str, Any]) -> str | None:
        files = [path for path in signals["py_index"]["modules"] if is_source(path)]
        sizes = count_by(path.rpartition("/")[0] or "." for path in files)
        lines = [
            f"- `{directory}/` {count} {'file' if count == 1 else 'files'}"
            for directory, count in sorted(sizes.items(), key=lambda item: (-item[1], item[0]))
        ]
        return "\n".join(lines) or None
