"""Where changes go, whatever the issue: files that changed often and lately, and long definitions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contexttune.contexts.ranking.outline import Definition, RankedFile, definitions, n_lines, symbols_of

_UNSEEN = 0.05  # commits: what a file counts as that has not changed in the window
_SHORT_LINES = 20  # added to every length, so that a file without definitions has one


def activity(
    ages: Iterable[int], length_lines: int, *, half_life_commits: float, length_power: float
) -> float:
    """Changes, halved in weight by each `half_life_commits` newer ones, times a power of the length.

    Both are known to predict where the next change goes (Nagappan & Ball, ICSE 2005; Hassan, ICSE 2009).
    """
    changes = sum(0.5 ** (age / half_life_commits) for age in ages)
    return float((changes + _UNSEEN) * (length_lines + _SHORT_LINES) ** length_power)


def activities(
    paths: Iterable[str], signals: Mapping[str, Any], *, half_life_commits: float, length_power: float
) -> dict[str, float]:
    """Path -> activity."""
    ages = signals["churn"]["ages"]
    return {
        path: activity(
            ages.get(path, ()),
            n_lines(symbols_of(signals, path)),
            half_life_commits=half_life_commits,
            length_power=length_power,
        )
        for path in paths
    }


def why(file: RankedFile, signals: Mapping[str, Any]) -> str:
    """What a file's activity comes from."""
    n_changes, length_lines = (
        len(signals["churn"]["ages"].get(file.path, ())),
        n_lines(symbols_of(signals, file.path)),
    )
    return f"{file.value:.1f}: {n_changes} changes in {signals['churn']['n_commits']} commits, {length_lines} lines"


def by_length(
    path: str, value: float, symbols: Sequence[Mapping[str, Any]], *, length_power: float
) -> RankedFile:
    """A file whose value is shared out among its definitions by a power of their lengths."""
    found: list[Definition] = definitions(symbols)
    weights = [n_lines**length_power for _, _, n_lines in found]
    total = sum(weights) or 1.0
    shares = [(name, value * weight / total) for (name, _, _), weight in zip(found, weights, strict=True)]
    return RankedFile(path, value, shares)
