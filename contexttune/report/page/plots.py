"""Positions of marks in the page's plots, in percent of a row's width or in units of a square."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

from contexttune.analysis.number_format import point_tick, short
from contexttune.experiment.rows import paired_shares
from contexttune.report.page.details import Row
from contexttune.report.page.escape import visible

_MARGIN = 3.0  # free space at either end of a row, in percent
_NICE = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.0)
_FACTORS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0, 100.0, 1000.0)
SIDE = 320.0  # side of the square of a scatter plot
_SLACK = 1e-9
_MIN_SPAN = 0.3  # minimum length of a logarithmic axis, in decades
Place = Callable[[float], float]


def difference_axis(
    whole: Sequence[Sequence[float]], parts: Sequence[Sequence[float]], margin: float
) -> dict[str, Any]:
    """A linear axis around 0 that contains all intervals in `whole` and at least half of those in `parts`.

    Intervals of small strata can be very wide; arrows mark those that exceed the axis.

    Returns `at` (difference -> percent, clipped to the axis), `ends` (differences), `ticks` [(percent, difference)],
    `zero` (percent), `band` (percent of -margin and +margin) and `label` (difference -> text).
    """
    furthest = max([margin, _NICE[0], *map(_farthest, whole)])
    if parts:
        furthest = max(furthest, median(map(_farthest, parts)))
    limit = next((nice for nice in _NICE if nice >= furthest), _NICE[-1])
    ticks = [share * limit for share in (-1, -0.5, 0, 0.5, 1)]
    axis = _axis(lambda value: (value + limit) / (2 * limit), ticks)
    at = axis["at"]
    band = (at(-margin), at(margin)) if margin > 0 else None
    return {**axis, "zero": at(0), "band": band, "label": point_tick}


def ratio_axis(ratios: Sequence[float]) -> dict[str, Any]:
    """A logarithmic axis around 1 that contains `ratios`; keys as in `difference_axis`, without a band."""
    furthest = max([abs(math.log(ratio)) for ratio in ratios if ratio > 0], default=0.0)
    limit = next((factor for factor in _FACTORS if math.log(factor) >= furthest - _SLACK), _FACTORS[-1])
    ticks = [1 / limit, 1 / math.sqrt(limit), 1.0, math.sqrt(limit), limit]
    axis = _axis(lambda value: (math.log(max(value, 1 / limit), limit) + 1) / 2, ticks)
    return {**axis, "zero": axis["at"](1.0), "band": None, "label": short}


def _axis(share_of: Callable[[float], float], ticks: Sequence[float]) -> dict[str, Any]:
    """An axis between the first and last tick; `share_of` maps them to 0 and 1."""

    def at(value: float) -> float:
        return round(_MARGIN + (100 - 2 * _MARGIN) * min(max(share_of(value), 0.0), 1.0), 2)

    return {"at": at, "ends": (ticks[0], ticks[-1]), "ticks": [(at(tick), tick) for tick in ticks]}


def placed(estimate: float, interval: Sequence[float] | None, axis: Mapping[str, Any]) -> dict[str, Any]:
    """`x` of an estimate, None beyond the axis; `low` and `high` of its interval; `beyond`: (low, high) exceed the axis."""
    low, high = interval or (estimate, estimate)
    first, last = axis["ends"]
    is_inside = first - _SLACK <= estimate <= last + _SLACK
    return {
        "x": axis["at"](estimate) if is_inside else None,
        "low": axis["at"](low),
        "high": axis["at"](high),
        "beyond": (low < first - _SLACK, high > last + _SLACK),
    }


def _farthest(interval: Sequence[float]) -> float:
    return max(map(abs, interval))


def scatter(instances: Mapping[str, Sequence[Row]], control: str, treatment: str) -> dict[str, Any] | None:
    """Mean cost per attempt in both arms, one point per instance, on logarithmic axes; None for fewer than two points.

    Returns measure, points [{id, x, y, kind}], ticks [(position, label)] and the number of instances left out.
    """
    measure, means = "USD", _means(instances, control, treatment, _cost_usd)
    if len(means) < 2:
        measure, means = "tokens", _means(instances, control, treatment, _tokens)
    if len(means) < 2:
        return None
    values = [value for pair in means.values() for value in pair]
    at, ticks = _square(min(values), max(values))
    points = [
        {
            "id": visible(name),
            "x": at(x),
            "y": round(SIDE - at(y), 1),
            "kind": _kind(instances[name], control, treatment),
        }
        for name, (x, y) in means.items()
    ]
    return {"measure": measure, "points": points, "ticks": ticks, "n_left_out": len(instances) - len(means)}


def _square(low: float, high: float) -> tuple[Place, list[tuple[float, str]]]:
    start, end = math.log10(low), math.log10(high)
    spare = max(_MIN_SPAN - (end - start), 0.0) / 2 + 0.04 * (end - start)
    start, end = start - spare, end + spare

    def at(value: float) -> float:
        return round(SIDE * (math.log10(value) - start) / (end - start), 1)

    decades = range(math.floor(start), math.ceil(end) + 1)
    steps = (1,) if end - start > 3 else (1, 3) if end - start > 1.2 else (1, 2, 3, 5, 7)
    marks = [step * 10.0**decade for decade in decades for step in steps]
    return at, [(at(mark), short(mark)) for mark in marks if start <= math.log10(mark) <= end]


def _means(
    instances: Mapping[str, Sequence[Row]], control: str, treatment: str, amount: Callable[[Row], float]
) -> dict[str, tuple[float, float]]:
    """instance_id -> mean amounts in control and treatment, where both are known."""
    found = {}
    for name, rows in instances.items():
        arms = [
            [value for row in rows if row["condition"] == arm and (value := amount(row)) > 0]
            for arm in (control, treatment)
        ]
        if all(arms):
            found[name] = (sum(arms[0]) / len(arms[0]), sum(arms[1]) / len(arms[1]))
    return found


def _tokens(row: Row) -> float:
    return float((row.get("prompt_tokens") or 0) + (row.get("completion_tokens") or 0))


def _cost_usd(row: Row) -> float:
    return float(row.get("cost_usd") or 0)


def _kind(rows: Sequence[Row], control: str, treatment: str) -> str:
    """gained, lost or same, by resolved share."""
    before, after = paired_shares(rows, control, treatment) or (0.0, 0.0)
    return "same" if before == after else "gained" if after > before else "lost"
