"""Plots recall against budget for conditions, and against tokens for the points of a sweep, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

from contexttune.report.templates import render
from contexttune.tasks.audit.means import ALL
from contexttune.tasks.audit.search import Point

_PANELS = {
    "file": "gold files named, %",
    "symbol": "gold symbols named, %",
    "reciprocal_rank": "MRR of gold files, %",
}
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito
_FRONT = "on the front of all three metrics and tokens; lines are fronts of one metric"
_WIDTH, _HEIGHT = 320, 240  # of a panel


def svg(summary: Sequence[Mapping[str, Any]]) -> str:
    """Recall over all instances, a line per condition."""
    rows = sorted((row for row in summary if row["part"] == ALL), key=lambda row: row["budget_chars"])
    conditions = dict.fromkeys(row["condition"] for row in rows)
    return _drawn(
        "recall",
        {row["budget_chars"]: f"{row['budget_chars'] / 1000:g}k" for row in rows},
        axis="budget, characters",
        panels={key: _PANELS[key] for key in ("file", "symbol")},
        legend=dict(zip(conditions, cycle(_COLOURS), strict=False)),
        rows=rows,
    )


def front_svg(points: Sequence[Point]) -> str:
    """The points of a sweep, with the front of each metric."""
    sizes = [max(point.n_tokens, 1.0) for point in points]
    return _drawn(
        "front",
        {size: f"{size:,.0f}" for size in (min(sizes), max(sizes))},
        axis="tokens, mean",
        panels=_PANELS,
        legend={_FRONT: _COLOURS[0]},
        points=points,
    )


def _drawn(name: str, ticks: Mapping[float, str], **variables: Any) -> str:
    """Fill the template `name`; the x axis is logarithmic from the first to the last of `ticks`."""
    low, high = (math.log(value) for value in (min(ticks), max(ticks)))

    def x(value: float) -> float:
        share = (math.log(max(value, 1.0)) - low) / (high - low) if high > low else 0.5
        return round(12 + share * (_WIDTH - 24), 1)

    def y(share: float) -> float:
        return round(_HEIGHT * (1 - share), 1)

    size = {"width": _WIDTH, "height": _HEIGHT}
    return render(f"tasks/audit/{name}.svg.jinja", ticks=ticks, x=x, y=y, **size, **variables)
