"""Differences between the conditions of an audit and a reference, paired by instance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contexttune.tasks.audit.means import METRICS, parts
from contexttune.tasks.audit.measure import Measurement


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A mean difference over the instances for which both conditions have a value.

    Attributes:
        ci95: bootstrap interval over instances; None for fewer than six.
    """

    n: int
    mean: float
    ci95: tuple[float, float] | None

    @property
    def verdict(self) -> str:
        """Which side of 0 the interval is on: better, worse, or "" for neither."""
        low, high = self.ci95 or (0.0, 0.0)
        return "better" if low > 0 else "worse" if high < 0 else ""


def differences(measured: Sequence[Measurement], reference: str) -> list[dict[str, Any]]:
    """A row per part of the instances (as in `means.summarize`), condition but the reference, and budget.

    Returns: `part`, `condition`, `reference`, `budget_chars`, and for each of METRICS a Difference with its `verdict`, or None.
    """
    return [row for part, own in parts(measured).items() for row in _rows(part, own, reference)]


def _rows(part: str, own: Sequence[Measurement], reference: str) -> Iterator[dict[str, Any]]:
    groups: dict[tuple[str, int], dict[str, Measurement]] = {}
    for one in own:
        groups.setdefault((one.condition, one.budget_chars), {})[one.instance_id] = one
    for (condition, budget), found in groups.items():
        if condition != reference:
            by_metric = {name: _difference(found, groups[reference, budget], name) for name in METRICS}
            row = {"part": part, "condition": condition, "reference": reference, "budget_chars": budget}
            yield row | {
                name: asdict(d) | {"verdict": d.verdict} if d else None for name, d in by_metric.items()
            }


def _difference(
    found: Mapping[str, Measurement], other: Mapping[str, Measurement], metric: str
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
