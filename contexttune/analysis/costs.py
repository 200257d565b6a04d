"""What the treatment costs in units of the control, and what a resolved instance costs in USD."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from scipy import stats

from contexttune.analysis.evidence import CostRatio, Interval, Price
from contexttune.analysis.outcomes import MEASURES, Floats, Pairs, mean_over_seeds

_RESAMPLES = 9_999
_BATCH_VALUES = 250_000  # drawn at once, so that memory does not grow with the number of instances
_SEED = 0  # the same group gives the same interval


def cost_ratios(pairs: Pairs) -> list[CostRatio]:
    """A ratio a measure, over the pairs that both arms counted.

    Measures that an arm never counted are left out, and such as neither took any of: one completion has no steps.
    """
    found = [_cost_ratio(pairs, measure) for measure in MEASURES]
    return [ratio for ratio in found if ratio is not None and (ratio.control or ratio.treatment)]


def price(pairs: Pairs) -> Price | None:
    """USD per resolved instance, over the pairs whose cost both arms know; None where there is none.

    An additional resolved instance costs (mean cost of the treatment - of the control) / (mean share resolved by the
    treatment - by the control), seeds averaged inside an instance: below 0 where more was resolved for less.
    """
    counted = _both(pairs, "cost_usd")
    if not counted.any():
        return None
    control_usd, treatment_usd, control, treatment = (
        _instance_means(values, counted)
        for values in (
            *(pairs.control_amounts["cost_usd"], pairs.treatment_amounts["cost_usd"]),
            *(pairs.control, pairs.treatment),
        )
    )
    additional, additional_ci95 = _per_additional(treatment_usd - control_usd, treatment - control)
    return Price(
        control_per_resolved_usd=_ratio(control_usd, control),
        control_ci95=_per_resolved_ci95(control_usd, control),
        treatment_per_resolved_usd=_ratio(treatment_usd, treatment),
        treatment_ci95=_per_resolved_ci95(treatment_usd, treatment),
        per_additional_resolved_usd=additional,
        per_additional_ci95=additional_ci95,
    )


def _cost_ratio(pairs: Pairs, measure: str) -> CostRatio | None:
    counted = _both(pairs, measure)
    if not counted.any():
        return None
    control = _instance_means(pairs.control_amounts[measure], counted)
    treatment = _instance_means(pairs.treatment_amounts[measure], counted)
    return CostRatio(
        measure=measure,
        control=float(control.mean()),
        treatment=float(treatment.mean()),
        ratio=_ratio(treatment, control),
        ci95=_bootstrap(treatment, control),
        n_instances=len(control),
    )


def _both(pairs: Pairs, measure: str) -> Any:
    """(instances, seeds): whether both arms counted it there."""
    return ~np.isnan(pairs.control_amounts[measure]) & ~np.isnan(pairs.treatment_amounts[measure])


def _instance_means(values: Floats, counted: Any) -> Floats:
    """(instances that were counted,): means over the seeds that were."""
    means = mean_over_seeds(np.where(counted, values, np.nan))
    return means[~np.isnan(means)]


def _ratio(top: Floats, bottom: Floats) -> float | None:
    return float(top.mean() / bottom.mean()) if bottom.mean() > 0 else None


def _per_resolved_ci95(usd: Floats, resolved: Floats) -> Interval | None:
    """By way of resolved instances per USD: a resample may hold none that is resolved, and has no price then."""
    ci95 = _bootstrap(resolved, usd)
    return (1 / ci95[1], 1 / ci95[0]) if ci95 and ci95[0] > 0 else None


def _per_additional(usd: Floats, resolved: Floats) -> tuple[float | None, Interval | None]:
    """(USD per additional resolved instance, its interval), given the differences of the instances.

    The interval is of percentiles, in which a resample that resolves no more has no bound: BCa knows no such thing.
    """
    if len(resolved) < 2 or resolved.mean() <= 0:
        return None, None
    half_width = float(stats.t.ppf(0.975, len(resolved) - 1) * stats.sem(resolved))
    if resolved.mean() <= half_width:
        return None, None
    ci95 = _bootstrap(usd, resolved, method="percentile")
    return float(usd.mean() / resolved.mean()), ci95


def _quotient(top: Floats, bottom: Floats, axis: int = -1) -> Floats:
    """mean(top) / mean(bottom) of every resample, without bound where the latter is not above 0."""
    above, below = np.mean(top, axis=axis), np.mean(bottom, axis=axis)
    unbounded: Floats = np.full(np.shape(below), np.inf)
    return np.asarray(np.divide(above, below, out=unbounded, where=below > 0))


def _bootstrap(top: Floats, bottom: Floats, method: str = "BCa") -> Interval | None:
    """The 95 % interval of mean(top) / mean(bottom) over instances.

    Where BCa has none, as of values that are all equal, it is that of percentiles; None where that is unbounded too.
    """
    n = len(top)
    if n < 2:
        return None
    settings: dict[str, Any] = {"paired": True, "vectorized": True, "batch": max(1, _BATCH_VALUES // n)}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of degenerate data, which are looked for below
        drawn = stats.bootstrap(
            (top, bottom),
            _quotient,
            n_resamples=_RESAMPLES,
            method=method,
            random_state=np.random.default_rng(_SEED),
            **settings,
        )
        if not _is_finite(drawn.confidence_interval):
            drawn = stats.bootstrap(
                (top, bottom),
                _quotient,
                n_resamples=0,
                bootstrap_result=drawn,
                method="percentile",
                **settings,
            )
    low, high = drawn.confidence_interval
    return (float(low), float(high)) if _is_finite(drawn.confidence_interval) else None


def _is_finite(interval: tuple[float, float]) -> bool:
    return all(math.isfinite(end) for end in interval)
