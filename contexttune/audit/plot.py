"""Recall against budget as SVG: a panel for files, one for symbols, a line a condition with its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from contexttune.audit.summary import ALL

_PANELS = (("file", "gold files named, %"), ("symbol", "gold symbols named, %"))
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # Okabe and Ito
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 320, 240, 50, 30, 70
_LEGEND_LINE = 16


def svg(summary: Sequence[Mapping[str, Any]]) -> str:
    """Of all instances; the x axis is logarithmic."""
    rows = [row for row in summary if row["part"] == ALL]
    conditions = list(dict.fromkeys(row["condition"] for row in rows))
    budgets = sorted({row["budget_chars"] for row in rows})
    width = 2 * (_LEFT + _WIDTH) + _GAP
    height = _TOP + _HEIGHT + 50 + _LEGEND_LINE * len(conditions)
    body = [line for n, (key, title) in enumerate(_PANELS) for line in _panel(rows, key, title, n, budgets)]
    body += [_legend(n, name) for n, name in enumerate(conditions)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">'
    return "\n".join([head, f'<rect width="{width}" height="{height}" fill="white"/>', *body, "</svg>\n"])


def _panel(
    rows: Sequence[Mapping[str, Any]], key: str, title: str, number: int, budgets: Sequence[int]
) -> Iterator[str]:
    left = _LEFT + number * (_WIDTH + _GAP)
    yield f'<text x="{left}" y="{_TOP - 12}" font-weight="bold">{title}</text>'
    for percent in range(0, 101, 25):
        y = _y(percent / 100)
        yield f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y}" y2="{y}" stroke="#ddd"/>'
        yield f'<text x="{left - 6}" y="{y + 4}" text-anchor="end">{percent}</text>'
    for budget in budgets:
        x = left + _x(budget, budgets)
        yield f'<text x="{x}" y="{_TOP + _HEIGHT + 16}" text-anchor="middle">{budget / 1000:g}k</text>'
    yield f'<text x="{left + _WIDTH / 2}" y="{_TOP + _HEIGHT + 32}" text-anchor="middle">budget, characters</text>'
    for index, name in enumerate(dict.fromkeys(row["condition"] for row in rows)):
        own = [(row["budget_chars"], row[key]) for row in rows if row["condition"] == name and row[key]]
        yield from _line(
            sorted(own, key=lambda point: point[0]), left, budgets, _COLOURS[index % len(_COLOURS)]
        )


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


def _x(budget: int, budgets: Sequence[int]) -> float:
    low, high = math.log(budgets[0]), math.log(budgets[-1])
    share = (math.log(budget) - low) / (high - low) if high > low else 0.5
    return round(12 + share * (_WIDTH - 24), 1)


def _y(share: float) -> float:
    return round(_TOP + _HEIGHT * (1 - share), 1)
