"""Conditions of an audit against one of them, instance by instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contexttune.tasks.audit.means import METRICS, parts
from contexttune.tasks.audit.measure import Measured


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Of shares or reciprocal ranks, over instances that both conditions have one for.

    Attributes:
        ci95: bootstrap interval over instances; None for fewer than six.
    """

    n: int
    mean: float
    ci95: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """One of "better" and "worse", where the interval lies on that side of 0; else ""."""
        low, high = self.ci95 or (0.0, 0.0)
        return "better" if low > 0 else "worse" if high < 0 else ""


def differences(measured: Sequence[Measured], reference: str) -> list[dict[str, Any]]:
    """A row for each part of the instances (as in `summary.summarize`), other condition and budget.

    Returns: `part`, `condition`, `reference`, `budget_chars`, and for each of METRICS a Difference with its `verdict`, or None.
    """
    return [row for part, own in parts(measured).items() for row in _rows(part, own, reference)]


def _rows(part: str, own: Sequence[Measured], reference: str) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[str, int], dict[str, Measured]] = {}
    for one in own:
        groups.setdefault((one.condition, one.budget_chars), {})[one.instance_id] = one
    for (condition, budget), found in groups.items():
        if condition != reference:
            told = {name: _difference(found, groups[reference, budget], name) for name in METRICS}
            row = {"part": part, "condition": condition, "reference": reference, "budget_chars": budget}
            yield row | {name: asdict(d) | {"verdict": d.verdict} if d else None for name, d in told.items()}


def _difference(
    found: Mapping[str, Measured], other: Mapping[str, Measured], metric: str
) -> Difference | None:
    import numpy as np

    from contexttune.analysis.bootstrap import mean_ci95

    pairs = [
        (getattr(one.recall, metric), getattr(other[name].recall, metric))
        for name, one in found.items()
        if name in other
    ]
    values = np.array([a - b for a, b in pairs if a is not None and b is not None])
    if not len(values):
        return None
    return Difference(n=len(values), mean=float(values.mean()), ci95=mean_ci95(values))
