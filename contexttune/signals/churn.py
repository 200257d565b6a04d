"""Ages of the changes to each file, for rankings that weight them by age."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.repos.git import Tree
from contexttune.signals.history import History
from contexttune.signals.python.source import printable


@dataclass(frozen=True, kw_only=True)
class Churn(Signal):
    """{"ages": {path: [age]}, "n_commits"}: for each file that exists at the commit, which commits changed it.

    Ages count the non-merge commits of the window backwards from `base_commit`: the newest is 0.
    """

    name: str = "churn"
    version: ClassVar[int] = 1
    window_commits: int = 1000

    def __post_init__(self) -> None:
        if self.window_commits <= 0:
            raise ConfigError(f"signal.churn.window_commits must be above 0, got {self.window_commits}")

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Ages ascend, paths are sorted."""
        changes = tree.shared(History).changes(self.window_commits)
        ages: dict[str, list[int]] = {}
        for age, paths in enumerate(changes):
            for path in paths:
                ages.setdefault(path, []).append(age)
        present = [path for path in sorted(ages) if (entry := tree.by_path.get(path)) and entry.is_file]
        return {"ages": {printable(path): ages[path] for path in present}, "n_commits": len(changes)}
