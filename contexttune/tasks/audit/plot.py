"""Plots recall against budget for conditions, and against tokens for the points of a sweep, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from contexttune.tasks.audit.means import ALL
from contexttune.tasks.audit.search import Point

_PANELS = {
    "file": "gold files named, %",
    "symbol": "gold symbols named, %",
    "reciprocal_rank": "MRR of gold files, %",
}
_OF_BUDGET = ("file", "symbol")
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 320, 240, 50, 30, 70
_LEGEND_LINE = 16


def svg(summary: Sequence[Mapping[str, Any]]) -> str:
    """Recall over all instances, a line per condition; the x axis is logarithmic."""
    rows = [row for row in summary if row["part"] == ALL]
    conditions = list(dict.fromkeys(row["condition"] for row in rows))
    budgets = sorted({row["budget_chars"] for row in rows})
    ticks = {budget: f"{budget / 1000:g}k" for budget in budgets}
    body: list[str] = []
    for number, key in enumerate(_OF_BUDGET):
        body += _frame(number, _PANELS[key], ticks, "budget, characters")
        for index, name in enumerate(conditions):
            own = sorted(
                (row["budget_chars"], row[key]) for row in rows if row["condition"] == name and row[key]
            )
            body += _line(own, _left(number), budgets, _COLOURS[index % len(_COLOURS)])
    body += [_legend(n, name) for n, name in enumerate(conditions)]
    return _document(len(_OF_BUDGET), len(conditions), body)


def front_svg(points: Sequence[Point]) -> str:
    """The points of a sweep, with the front of each metric."""
    sizes = sorted(max(point.n_tokens, 1.0) for point in points)
    ends = [sizes[0], sizes[-1]]
    ticks = {size: f"{size:,.0f}" for size in ends}
    body: list[str] = []
    for number, (key, heading) in enumerate(_PANELS.items()):
        body += _frame(number, heading, ticks, "tokens, mean")
        places = [(_left(number) + _x(max(p.n_tokens, 1.0), ends), _y(p.recall[key]), p) for p in points]
        leading = [(x, y) for x, y, point in places if key in point.fronts]
        steps = [
            f"{x},{before} {x},{y}"
            for (x, y), before in zip(leading, [leading[0][1], *(y for _, y in leading)], strict=False)
        ]
        body.append(
            f'<polyline points="{" ".join(steps)}" fill="none" stroke="{_COLOURS[0]}" stroke-width="2"/>'
        )
        for x, y, point in places:
            colour = _COLOURS[0] if "joint" in point.fronts else "#999"
            title = f"{point.condition} {point.budget_chars:,} {' '.join(point.overrides)}"
            body.append(
                f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"><title>{escape(title)}</title></circle>'
            )
    body.append(_legend(0, "on the front of all three metrics and tokens; lines are fronts of one metric"))
    return _document(len(_PANELS), 1, body)


def _document(n_panels: int, n_legends: int, body: Iterable[str]) -> str:
    width = n_panels * (_LEFT + _WIDTH) + (n_panels - 1) * (_GAP - _LEFT) + _LEFT
    height = _TOP + _HEIGHT + 50 + _LEGEND_LINE * n_legends
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *body, "</svg>\n"])


def _left(number: int) -> int:
    return _LEFT + number * (_WIDTH + _GAP)


def _frame(number: int, title: str, ticks: Mapping[float, str], axis: str) -> Iterator[str]:
    left, values = _left(number), list(ticks)
    yield f'<text x="{left}" y="{_TOP - 12}" font-weight="bold">{title}</text>'
    for percent in range(0, 101, 25):
        y = _y(percent / 100)
        yield f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{percent}</text>'
    for value, label in ticks.items():
        x = left + _x(value, values)
        yield f'<text x="{x}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{label}</text>'
    yield f'<text x="{left + _WIDTH / 2}" y="{_TOP + _HEIGHT + 32}" text-anchor="middle">{axis}</text>'


def _line(
    points: Sequence[tuple[int, Mapping[str, Any]]], left: int, budgets: Sequence[int], colour: str
) -> Iterator[str]:
    at = [(left + _x(budget, budgets), mean) for budget, mean in points]
    corners = " ".join(f"{x},{_y(mean['mean'])}" for x, mean in at)
    yield f'<polyline points="{corners}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for x, mean in at:
        yield f'<circle cx="{x}" cy="{_y(mean["mean"])}" r="3" fill="{colour}"/>'
        if mean["ci95"]:
            low, high = (_y(value) for value in mean["ci95"])
            yield f'<line x1="{x}" x2="{x}" y1="{low}" y2="{high}" stroke="{colour}" stroke-opacity=".5"/>'


def _legend(number: int, name: str) -> str:
    y = _TOP + _HEIGHT + 50 + _LEGEND_LINE * number
    colour = _COLOURS[number % len(_COLOURS)]
    return f'<rect x="{_LEFT}" y="{y - 9}" width="12" height="10" fill="{colour}"/><text x="{_LEFT + 18}" y="{y}">{escape(name)}</text>'


def _x(value: float, values: Sequence[float]) -> float:
    """Offset from the left of a panel, whose axis is logarithmic from the first to the last of `values`."""
    low, high = math.log(values[0]), math.log(values[-1])
    share = (math.log(value) - low) / (high - low) if high > low else 0.5
    return round(12 + share * (_WIDTH - 24), 1)


def _y(share: float) -> float:
    return round(_TOP + _HEIGHT * (1 - share), 1)
