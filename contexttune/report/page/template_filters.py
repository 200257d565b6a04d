"""Numbers in words, for the page's template; what summary.md says too is said in the same way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Filter = Callable[[Any], str]


def filters() -> dict[str, Filter]:
    """By their names in the template. What a record lacks, jinja2's Undefined, is taken for None."""
    from contexttune.analysis import number_format

    shared: dict[str, Filter] = {"points": number_format.points, "point_interval": number_format.interval}
    shared |= {
        "percent": number_format.percent,
        "percent_interval": number_format.percents,
        "probability": number_format.chance,
    }
    shared |= {"amount": number_format.amount}
    own: tuple[Filter, ...] = (
        tick,
        size,
        count,
        usd,
        usd_interval,
        ratio,
        ratio_interval,
        short,
    )
    named = {**shared, **{made.__name__: made for made in own}}
    return {name: _of_what_is_there(made) for name, made in named.items()}


def _of_what_is_there(made: Filter) -> Filter:
    def filtered(value: Any) -> str:
        from jinja2 import Undefined

        from contexttune.analysis import number_format

        return number_format.NONE if value is None or isinstance(value, Undefined) else made(value)

    return filtered


def tick(difference: float) -> str:
    """Of an axis, in points: 0.05 -> +5."""
    from contexttune.analysis import number_format

    return number_format.points(difference).removesuffix(".0")


def size(difference: float) -> str:
    """Without its sign, with its unit: 0.05 -> 5 points."""
    from contexttune.analysis import number_format

    return f"{number_format.effect(difference).removesuffix('.0')} points"


def count(value: float) -> str:
    return f"{value:,.0f}"


def usd(value: float) -> str:
    """With its sign before the currency."""
    from contexttune.analysis import number_format

    return f"{'-' if value < 0 else ''}${number_format.usd(abs(value))}"


def usd_interval(bounds: Sequence[float]) -> str:
    return f"{usd(bounds[0])} to {usd(bounds[1])}"


def ratio(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:,.0f}"


def ratio_interval(bounds: Sequence[float]) -> str:
    return f"{ratio(bounds[0])} to {ratio(bounds[1])}"


def short(value: float) -> str:
    """Of an axis: 12000 -> 12k."""
    for step, unit in ((1e6, "M"), (1e3, "k")):
        if value >= step:
            return f"{value / step:.3g}{unit}"
    return f"{value:.3g}"
