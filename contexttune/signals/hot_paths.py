"""Files that change often."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.repos.file_kinds import NOT_PRODUCT
from contexttune.repos.git import Tree
from contexttune.signals.history import History
from contexttune.signals.python.source import printable

_SOURCE = re.compile(r"\.(?:py|pyx|pxd|pyi|c|cc|cpp|cxx|h|hpp|rs|go|java|js|jsx|ts|tsx|rb|f|f90)\Z")
_NOT_SOURCE = re.compile(
    NOT_PRODUCT + r"|(?:^|/)(?:test_[^/]*|[^/]*_tests?|conftest)\.py\Z",
    re.IGNORECASE,
)


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
        return {
            "by_churn": self._churn(tree, changes),
            "window_commits": len(changes),
        }

    def _churn(self, tree: Tree, changes: Sequence[Sequence[str]]) -> list[dict[str, Any]]:
        commits: Counter[str] = Counter(path for paths in changes for path in paths)
        score = dict.fromkeys(commits, 0)
        for age, paths in enumerate(changes):
            for path in paths:
                score[path] += self.window_commits - age
        present = {path: n for path, n in score.items() if (e := tree.by_path.get(path)) and e.is_file}
        return [
            {"path": printable(path), "commits": commits[path], "score": present[path]}
            for path in _best(present, self.top)
        ]


def _best(scores: Mapping[str, int], top: int) -> list[str]:
    ranked = sorted(scores, key=lambda path: (-scores[path], path))
    return list(islice(filter(_counts, ranked), top))


def _counts(path: str) -> bool:
    return bool(_SOURCE.search(path)) and not _NOT_SOURCE.search(path)
