"""Python sources by how likely they are to change next, from the signals that every context has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contexttune.contexts.cards.source_files import is_source
from contexttune.contexts.ranking.outline import n_lines
from contexttune.contexts.ranking.prior import activity, explanation
from contexttune.interfaces import Card


def ranked_sources(signals: Mapping[str, Any]) -> list[tuple[str, float]]:
    """(path, value) of the Python source files with unambiguous names, the likeliest first.

    Values are those of `repo_map`, but the weight of a change falls linearly with its age.
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


class RankedSourcesCard(Card):
    """A card whose lines name ranked sources."""

    def reasons(self, signals: Mapping[str, Any]) -> Mapping[str, str]:
        """Path -> explanation of its value."""
        modules, hot = signals["py_index"]["modules"], signals["hot_paths"]
        n_changes = {item["path"]: item["commits"] for item in hot["by_churn"]}
        return {
            path: explanation(
                value, n_changes.get(path, 0), hot["window_commits"], n_lines(modules[path]["symbols"])
            )
            for path, value in ranked_sources(signals)
        }
