"""Numbers in words, for the page's template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

_ABSENT = "\u2013"
_MINUS = "\u2212"


def points(value: float | None) -> str:
    """A difference of shares in percentage points: 0.05 -> +5.0."""
    if value is None:
        return _ABSENT
    shown = f"{100 * value:+.1f}"
    return "0.0" if float(shown) == 0 else shown.replace("-", _MINUS)


def tick(value: float | None) -> str:
    """The same at an axis: 0.05 -> +5."""
    return _ABSENT if value is None else points(value).removesuffix(".0")


def size(value: float | None) -> str:
    """A difference of shares without its sign, with its unit: 0.05 -> 5 points."""
    if value is None:
        return _ABSENT
    if abs(value) > 1:  # no design can see it, because there is none
        return "above 100 points"
    return f"{f'{100 * abs(value):.1f}'.removesuffix('.0')} points"


def point_interval(interval: Sequence[float] | None) -> str:
    return _ABSENT if not interval else f"{points(interval[0])} to {points(interval[1])}"


def percent(share: float | None) -> str:
    return _ABSENT if share is None else f"{share:.1%}"


def percent_interval(interval: Sequence[float] | None) -> str:
    return _ABSENT if not interval else f"{percent(interval[0])} to {percent(interval[1])}"


def count(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:,.0f}"


def amount(value: float | None) -> str:
    """Three digits or more: means of tokens, seconds or USD."""
    if value is None:
        return _ABSENT
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def usd(value: float | None) -> str:
    if value is None:
        return _ABSENT
    amount_usd = abs(value)
    shown = f"${amount_usd:,.2f}" if amount_usd >= 0.1 or value == 0 else f"${amount_usd:.2g}"
    return _MINUS + shown if value < 0 else shown


def ratio(value: float | None) -> str:
    return _ABSENT if value is None else f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def ratio_interval(interval: Sequence[float] | None) -> str:
    return _ABSENT if not interval else f"{ratio(interval[0])} to {ratio(interval[1])}"


def usd_interval(interval: Sequence[float] | None) -> str:
    return _ABSENT if not interval else f"{usd(interval[0])} to {usd(interval[1])}"


def probability(value: float | None) -> str:
    """A p value."""
    if value is None:
        return _ABSENT
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def short(value: float | None) -> str:
    """A tick of an axis: 12000 -> 12k."""
    if value is None:
        return _ABSENT
    for step, unit in ((1e6, "M"), (1e3, "k")):
        if value >= step:
            return f"{value / step:.3g}{unit}"
    return f"{value:.3g}"


def _of_what_is_there(made: Callable[[Any], str]) -> Callable[[Any], str]:
    """`made`, which takes what a record lacks, jinja2's Undefined, for None."""

    def filtered(value: Any) -> str:
        from jinja2 import Undefined

        return made(None if isinstance(value, Undefined) else value)

    return filtered


_OF_EFFECTS = (
    points,
    tick,
    size,
    point_interval,
    percent,
    percent_interval,
    count,
    amount,
    short,
    probability,
)
_OF_COSTS = (usd, usd_interval, ratio, ratio_interval)
FILTERS: Mapping[str, Callable[[Any], str]] = {
    made.__name__: _of_what_is_there(made) for made in (*_OF_EFFECTS, *_OF_COSTS)
}
