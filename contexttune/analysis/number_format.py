"""Numbers as text, for summary.md, console tables, sentences and report.html. None becomes "-"."""

from __future__ import annotations

from collections.abc import Callable, Sequence

NONE = "-"


def percent(share: float | None) -> str:
    """0.5 -> 50.0 %."""
    return NONE if share is None else f"{share:.1%}".replace("%", " %")


def interval(bounds: Sequence[float] | None, shown: Callable[[float], str]) -> str:
    """(0.188, 0.812) -> 18.8 % to 81.2 %, if `percent` shows the bounds."""
    return NONE if bounds is None else f"{shown(bounds[0])} to {shown(bounds[1])}"


def points(difference: float | None) -> str:
    """A signed difference of shares in percentage points: 0.05 -> +5.0."""
    if difference is None:
        return NONE
    rounded = round(100 * difference, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"  # no sign for zero


def effect(size: float | None) -> str:
    """An unsigned difference in percentage points; no difference of shares exceeds 1."""
    return NONE if size is None else f"{size * 100:.1f}" if size <= 1 else "above 100"


def p_value(p: float | None) -> str:
    """0.0004 -> < 0.001."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def number(value: float | None) -> str:
    """A count, or an amount with two decimals below 100."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"


def amount(value: float) -> str:
    """A mean of tokens, seconds or USD with at least three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def usd(value: float | None) -> str:
    """With cents, or two significant digits below ten cents."""
    return NONE if value is None else f"{value:,.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def ratio(value: float | None) -> str:
    """1.2 -> 1.20."""
    return NONE if value is None else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def plural(n: int, noun: str) -> str:
    """1 seed, 2 seeds."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def point_tick(difference: float) -> str:
    """A label on an axis in percentage points: 0.05 -> +5."""
    return points(difference).removesuffix(".0")


def short(value: float, digits: Callable[[float], str] = "{:.3g}".format) -> str:
    """12000 -> 12k, for a label on an axis; `digits` shows a number up to a thousand."""
    for step, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= step:
            return f"{digits(value / step)}{unit}"
    return digits(value)
