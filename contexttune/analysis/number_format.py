"""Numbers as people read them."""

from __future__ import annotations

from collections.abc import Sequence

NONE = "-"


def percent(share: float | None) -> str:
    """0.5 -> 50.0 %."""
    return NONE if share is None else f"{share:.1%}".replace("%", " %")


def points(difference: float | None) -> str:
    """A difference of shares in percentage points: 0.05 -> +5.0."""
    if difference is None:
        return NONE
    rounded = round(100 * difference, 1)
    return f"{rounded:+.1f}" if rounded else "0.0"  # a zero has no sign


def effect(size: float | None) -> str:
    """A size without a sign, in points; no difference of shares is larger than 1."""
    return NONE if size is None else f"{size * 100:.1f}" if size <= 1 else "above 100"


def interval(bounds: Sequence[float] | None) -> str:
    """Of a difference, in points."""
    return NONE if bounds is None else f"{points(bounds[0])} to {points(bounds[1])}"


def chance(p: float | None) -> str:
    """A p value."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def number(value: float | None) -> str:
    """A count or an amount."""
    if value is None:
        return NONE
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:,.2f}"


def counted(n: int, noun: str) -> str:
    """1 seed, 2 seeds."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def percents(bounds: Sequence[float] | None) -> str:
    """An interval of a share."""
    return NONE if bounds is None else f"{percent(bounds[0])} to {percent(bounds[1])}"


def amount(value: float) -> str:
    """Three digits or more: means of tokens, seconds or USD."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def usd(value: float | None) -> str:
    """Cents, or two digits of what is less than ten."""
    return NONE if value is None else f"{value:,.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def times(ratio: float | None) -> str:
    """1.2 -> x 1.20."""
    return NONE if ratio is None else f"x {ratio:.2f}"
