"""Differences between the conditions of an audit and a reference, paired by instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contexttune.tasks.audit.means import METRICS, average, parts
from contexttune.tasks.audit.measure import Measurement


def differences(measured: Sequence[Measurement], reference: str) -> list[dict[str, Any]]:
    """A row per part of the instances (as in `means.summarize`), condition but the reference, and budget.

    Returns: `part`, `condition`, `reference`, `budget_chars`, and for each of METRICS the `average` over the instances
    for which both have a value, with its `verdict`, or None.
    """
    return [row for part, own in parts(measured).items() for row in _rows(part, own, reference)]


def _rows(part: str, own: Sequence[Measurement], reference: str) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[str, int], dict[str, Measurement]] = {}
    for one in own:
        groups.setdefault((one.condition, one.budget_chars), {})[one.instance_id] = one
    for (condition, budget), found in groups.items():
        if condition != reference:
            row = {"part": part, "condition": condition, "reference": reference, "budget_chars": budget}
            yield row | {name: _difference(found, groups[reference, budget], name) for name in METRICS}


def _difference(
    found: Mapping[str, Measurement], other: Mapping[str, Measurement], metric: str
) -> dict[str, Any] | None:
    """The average difference; `verdict` says on which side of 0 its interval is: better, worse, or "" for neither."""
    pairs = [
        (getattr(found[name].recall, metric), getattr(other[name].recall, metric))
        for name in found
        if name in other
    ]
    values = [a - b for a, b in pairs if a is not None and b is not None]
    if not values:
        return None
    mean = average(values)
    low, high = mean["ci95"] or (0.0, 0.0)
    return mean | {"verdict": "better" if low > 0 else "worse" if high < 0 else ""}
