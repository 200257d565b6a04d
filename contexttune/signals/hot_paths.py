"""Files that change often."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.repos.file_kinds import NOT_PRODUCT
from contexttune.repos.git import Tree
from contexttune.signals.history import History
from contexttune.signals.python.source import printable

_SOURCE = re.compile(r"\.(?:py|pyx|pxd|pyi|c|cc|cpp|cxx|h|hpp|rs|go|java|js|jsx|ts|tsx|rb|f|f90)\Z")
_NOT_SOURCE = re.compile(NOT_PRODUCT + r"|(?:^|/)(?:test_[^/]*|[^/]*_tests?|conftest)\.py\Z", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class HotPaths(Signal):
    """{"by_churn": [{"path", "commits", "score"}], "window_commits"}.

    `score` is the sum of the weights of the commits that touched a file: `window_commits` for the newest commit of
    the window, 1 less for each older one. Tests, documentation and vendored code are left out.
    """

    name: str = "hot_paths"
    version: ClassVar[int] = 1
    window_commits: int = 500  # non-merge commits looked at, `base_commit` included
    top: int = 200

    def __post_init__(self) -> None:
        for key in ("window_commits", "top"):
            if getattr(self, key) <= 0:
                raise ConfigError(f"signal.hot_paths.{key} must be above 0, got {getattr(self, key)}")

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Only paths that exist at the commit."""
        changes = tree.shared(History).changes(self.window_commits)
        commits: Counter[str] = Counter()
        score: Counter[str] = Counter()
        for age, paths in enumerate(changes):
            commits.update(paths)
            score.update(dict.fromkeys(paths, self.window_commits - age))
        present = [
            path for path in score if (e := tree.by_path.get(path)) and e.is_file and _is_product(path)
        ]
        best = sorted(present, key=lambda path: (-score[path], path))[: self.top]
        by_churn = [{"path": printable(p), "commits": commits[p], "score": score[p]} for p in best]
        return {"by_churn": by_churn, "window_commits": len(changes)}


def _is_product(path: str) -> bool:
    return bool(_SOURCE.search(path)) and not _NOT_SOURCE.search(path)
