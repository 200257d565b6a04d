"""Totals of one condition: rates, outcomes, tokens and costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contexttune.experiment.finished_work import is_missing
from contexttune.experiment.rows import Row
from contexttune.report import document_costs
from contexttune.report.summary_schema import Condition
from contexttune.types import AttemptStatus, Outcome

if TYPE_CHECKING:
    from contexttune.analysis.outcomes import Arm


def summarize_condition(arm: Arm, runs: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> Condition:
    """Summarize a condition, given its run records and its rows, including those of missing results."""
    from contexttune.analysis.rates import rate_ci95
    from contexttune.analysis.seed_noise import repeats

    measured = [row for row in rows if not is_missing(row)]
    n_resolved = sum(row["outcome"] == Outcome.RESOLVED for row in measured)
    return Condition(
        runs=len(runs),
        planned=len(rows),
        total=len(measured),
        resolved=n_resolved,
        rate=n_resolved / len(measured) if measured else None,
        rate_ci95=rate_ci95(arm),
        outcomes=_counts(rows, "outcome", [outcome.value for outcome in Outcome]),
        attempts=_counts(rows, "attempt_status", [*(status.value for status in AttemptStatus), ""]),
        n_calls=_total(rows, "n_calls"),
        n_steps=_total(rows, "n_steps"),
        prompt_tokens=_total(rows, "prompt_tokens"),
        completion_tokens=_total(rows, "completion_tokens"),
        cost_usd=_cost_usd(rows),
        wall_s=round(sum(row["wall_s"] or 0 for row in rows), 3),
        repeats=repeats(arm) if measured else None,
        documents=document_costs.spread(runs, rows),
    )


def _counts(rows: Sequence[Row], key: str, kinds: Sequence[str]) -> dict[str, int]:
    counted: Mapping[str, int] = Counter(row[key] for row in rows)
    return {kind or "not_begun": counted.get(kind, 0) for kind in kinds}


def _total(rows: Sequence[Row], key: str) -> Any:
    counted = [row[key] for row in rows if row[key] is not None]
    return sum(counted) if counted else None


def _cost_usd(rows: Sequence[Row]) -> float | None:
    """None if any attempt's cost is unknown: a partial sum would mislead."""
    costs = [row["cost_usd"] for row in rows if row["attempt_status"]]
    return None if not costs or None in costs else round(sum(costs), 6)
