"""What can mislead a reader of this repository."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.cards.source_files import is_source, is_unambiguous
from contexttune.interfaces import Card


@dataclass(frozen=True, kw_only=True)
class Pitfalls(Card):
    """File names that occur more than once, files that do not parse, submodules that are not checked out."""

    version: ClassVar[int] = 1
    name: str = "pitfalls"
    n_names: int = 4

    def render(self, signals: Mapping[str, Any]) -> str | None:
        index, tree = signals["py_index"], signals["tree"]
        names = Counter(p.rpartition("/")[2] for p in index["modules"] if is_source(p))
        common = sorted(((-n, name) for name, n in names.items() if n > 1 and name != "__init__.py"))
        lines = []
        if common:
            listed = ", ".join(f"`{name}` ({-n})" for n, name in common[: self.n_names])
            lines.append(f"- several files share a name, so give the whole path: {listed}")
        broken = [item["path"] for item in index["unparsed"] if is_source(item["path"])]
        if broken:
            lines.append(
                f"- {len(broken)} source files are not valid Python 3: {', '.join(f'`{p}`' for p in broken[:3])}"
            )
        submodules = [path for path in tree["submodules"] if is_unambiguous(path)]
        if submodules:
            lines.append(f"- submodules are not checked out: {', '.join(f'`{p}`' for p in submodules[:3])}")
        return "\n".join(lines) or None
