"""How likely a source file is to be changed next, as far as the signals that every context has tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contexttune.contexts.cards.source_files import is_source, is_unambiguous
from contexttune.contexts.ranking.outline import n_lines

_UNSEEN = 0.05  # what a file counts as that did not change in the window; the newest commit counts as 1
_SHORT_LINES = 20  # added to every length, so that a file without definitions has one
_LENGTH_POWER = 0.33


def reasons(signals: Mapping[str, Any]) -> dict[str, str]:
    """Path -> what its value comes from."""
    modules, hot = signals["py_index"]["modules"], signals["hot_paths"]
    n_commits = {item["path"]: item["commits"] for item in hot["by_churn"]}
    return {
        path: f"{value:.1f}: {n_commits.get(path, 0)} changes in {hot['window_commits']} commits, "
        f"{n_lines(modules[path]['symbols'])} lines"
        for path, value in ranked_sources(signals)
    }


def ranked_sources(signals: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(path, value) of the Python source files that a line can name, the likeliest first.

    The value is the score of recent changes times a power of the length, as in `repo_map`.
    """
    modules, hot = signals["py_index"]["modules"], signals["hot_paths"]
    window = max(hot["window_commits"], 1)
    changes = {item["path"]: item["score"] / window for item in hot["by_churn"]}
    values = {
        path: (changes.get(path, 0.0) + _UNSEEN)
        * (n_lines(modules[path]["symbols"]) + _SHORT_LINES) ** _LENGTH_POWER
        for path in modules
        if is_source(path) and is_unambiguous(path)
    }
    return sorted(values.items(), key=lambda item: (-item[1], item[0]))
