"""The modules that the rest of the code builds on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contexttune.contexts.cards.source_files import is_source


@dataclass(frozen=True, kw_only=True)
class KeyModules:
    """Modules by import in-degree, with their first top-level definitions."""

    name: str = "key_modules"
    n_modules: int = 12
    n_symbols: int = 6

    def render(self, signals: Mapping[str, Any]) -> str | None:
        modules = signals["py_index"]["modules"]
        used = [i for i in signals["hot_paths"]["by_import"] if is_source(i["path"]) and i["path"] in modules]
        lines = []
        for item in used[: self.n_modules]:
            names = [
                s["name"]
                for s in modules[item["path"]]["symbols"]
                if s["kind"] != "method" and "." not in s["name"]
            ]
            public = [name for name in names if not name.startswith("_")][: self.n_symbols]
            lines.append(
                f"- `{item['path']}` ({item['in_degree']} importers)"
                + (f": {', '.join(public)}" if public else "")
            )
        return "\n".join(lines) or None
