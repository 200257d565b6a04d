"""How likely a source file is to be changed next, as far as the signals that every context has tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contexttune.contexts.cards.source_files import is_source
from contexttune.contexts.ranking.outline import n_lines
from contexttune.contexts.ranking.prior import activity, words


def reasons(signals: Mapping[str, Any]) -> dict[str, str]:
    """Path -> what its value comes from."""
    modules, hot = signals["py_index"]["modules"], signals["hot_paths"]
    n_changes = {item["path"]: item["commits"] for item in hot["by_churn"]}
    return {
        path: words(value, n_changes.get(path, 0), hot["window_commits"], n_lines(modules[path]["symbols"]))
        for path, value in ranked_sources(signals)
    }


def ranked_sources(signals: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(path, value) of the Python source files that a line can name, the likeliest first.

    The value is that of `repo_map`, of changes that weigh less the older they are, in a straight line.
    """
    modules, hot = signals["py_index"]["modules"], signals["hot_paths"]
    window = max(hot["window_commits"], 1)
    changes = {item["path"]: item["score"] / window for item in hot["by_churn"]}
    values = {
        path: activity(changes.get(path, 0.0), n_lines(modules[path]["symbols"]))
        for path in modules
        if is_source(path)
    }
    return sorted(values.items(), key=lambda item: (-item[1], item[0]))
