"""Where changes go, whatever the issue: files that changed often and lately, and long definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from contexttune.contexts.ranking.outline import Definition, RankedFile, definitions, n_lines, symbols_of

FILE_LENGTH_POWER, SYMBOL_LENGTH_POWER = 0.33, 0.7  # what maps and cards begin with
_UNSEEN = 0.05  # commits: what a file counts as that has not changed in the window
_SHORT_LINES = 20  # added to every length, so that a file without definitions has one
_OUTLINE_CHARS = 40  # of a short one: more outlines than this do not fit, and most files are not looked into


def activity(changes: float, length_lines: int, *, length_power: float = FILE_LENGTH_POWER) -> float:
    """Changes, of which a newer one counts more, times a power of the length.

    Both are known to predict where the next change goes (Nagappan & Ball, ICSE 2005; Hassan, ICSE 2009).
    """
    return float((changes + _UNSEEN) * (length_lines + _SHORT_LINES) ** length_power)


def activities(
    paths: Iterable[str], signals: Mapping[str, Any], *, half_life_commits: float, length_power: float
) -> dict[str, float]:
    """Path -> activity, where a change counts half of one that `half_life_commits` later was made."""
    ages = signals["churn"]["ages"]
    return {
        path: activity(
            sum(0.5 ** (age / half_life_commits) for age in ages.get(path, ())),
            n_lines(symbols_of(signals, path)),
            length_power=length_power,
        )
        for path in paths
    }


def words(value: float, n_changes: int, n_commits: int, length_lines: int) -> str:
    """What an activity comes from."""
    return f"{value:.1f}: {n_changes} changes in {n_commits} commits, {length_lines} lines"


def why(file: RankedFile, signals: Mapping[str, Any]) -> str:
    """What a file's activity comes from."""
    churn, length_lines = signals["churn"], n_lines(symbols_of(signals, file.path))
    return words(file.value, len(churn["ages"].get(file.path, ())), churn["n_commits"], length_lines)


def outlined(
    ranked: Iterable[tuple[str, float]],
    symbols: Callable[[str], Sequence[Mapping[str, Any]]],
    *,
    total_chars: int,
    length_power: float = SYMBOL_LENGTH_POWER,
) -> list[RankedFile]:
    """(path, value) in their order, the first ones with definitions: as many as could be outlined in `total_chars`."""
    n_left = -(-total_chars // _OUTLINE_CHARS)
    found = []
    for path, value in ranked:
        own = symbols(path)
        if own and n_left:
            n_left -= 1
            found.append(by_length(path, value, own, length_power=length_power))
        else:
            found.append(RankedFile(path, value))
    return found


def by_length(
    path: str, value: float, symbols: Sequence[Mapping[str, Any]], *, length_power: float
) -> RankedFile:
    """A file whose value is shared out among its definitions by a power of their lengths."""
    found: list[Definition] = definitions(symbols)
    weights = [n_lines**length_power for _, _, n_lines in found]
    total = sum(weights) or 1.0
    shares = [(name, value * weight / total) for (name, _, _), weight in zip(found, weights, strict=True)]
    return RankedFile(path, value, shares)
