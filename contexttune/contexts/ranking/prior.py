"""Ranks files without an issue: by how often and recently they changed, and by length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from contexttune.contexts.ranking.outline import RankedFile, definitions, n_lines, symbols_of

FILE_LENGTH_POWER, SYMBOL_LENGTH_POWER = 0.33, 0.7  # defaults of maps and cards
_UNSEEN = 0.05  # changes assumed of a file without any in the window
_SHORT_LINES = 20  # added to every length, so that a file without definitions has one
_OUTLINE_CHARS = 40  # length of a short outline; bounds the number of files that are read


def activity(changes: float, length_lines: int, *, length_power: float = FILE_LENGTH_POWER) -> float:
    """Weighted changes times a power of the length.

    Both are known to predict where the next change goes (Nagappan & Ball, ICSE 2005; Hassan, ICSE 2009).
    """
    return float((changes + _UNSEEN) * (length_lines + _SHORT_LINES) ** length_power)


def activities(
    paths: Iterable[str], signals: Mapping[str, Any], *, half_life_commits: float, length_power: float
) -> dict[str, float]:
    """Path -> activity, where a change `half_life_commits` ago has half the weight of a new one."""
    ages = signals["churn"]["ages"]
    return {
        path: activity(
            sum(0.5 ** (age / half_life_commits) for age in ages.get(path, ())),
            n_lines(symbols_of(signals, path)),
            length_power=length_power,
        )
        for path in paths
    }


def explanation(value: float, n_changes: int, n_commits: int, length_lines: int) -> str:
    """Explain an activity in words."""
    return f"{value:.1f}: {n_changes} changes in {n_commits} commits, {length_lines} lines"


def explain(file: RankedFile, signals: Mapping[str, Any]) -> str:
    """Explain the activity of a file in words."""
    churn, length_lines = signals["churn"], n_lines(symbols_of(signals, file.path))
    return explanation(file.value, len(churn["ages"].get(file.path, ())), churn["n_commits"], length_lines)


def outlined(
    ranked: Iterable[tuple[str, float]],
    symbols: Callable[[str], Sequence[Mapping[str, Any]]],
    *,
    total_chars: int,
    length_power: float = SYMBOL_LENGTH_POWER,
) -> list[RankedFile]:
    """Ranked (path, value) pairs, in order; as many as could be outlined in `total_chars` get their definitions."""
    n_left = -(-total_chars // _OUTLINE_CHARS)
    found = []
    for path, value in ranked:
        own = symbols(path)
        if own and n_left:
            n_left -= 1
            found.append(_by_length(path, value, own, length_power))
        else:
            found.append(RankedFile(path, value))
    return found


def _by_length(
    path: str, value: float, symbols: Sequence[Mapping[str, Any]], length_power: float
) -> RankedFile:
    """A file whose value is divided among its definitions by a power of their lengths."""
    weights = [(one.name, one.n_lines**length_power) for one in definitions(symbols)]
    total = sum(weight for _, weight in weights) or 1.0
    return RankedFile(path, value, [(name, value * weight / total) for name, weight in weights])
