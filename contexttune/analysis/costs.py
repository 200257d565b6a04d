"""Cost ratios between treatment and control, and USD per resolved instance."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import numpy as np
from scipy import stats

from contexttune.analysis.evidence import CostRatio, Interval, Price
from contexttune.analysis.outcomes import MEASURES, Floats, Pairs, mean_over_seeds

_RESAMPLES = 9_999
_BATCH_VALUES = 250_000  # drawn at once, to bound memory
_SEED = 0  # the same group gives the same interval


def cost_ratios(pairs: Pairs) -> list[CostRatio]:
    """One ratio per measure, over the pairs where both arms have a value.

    Measures that one arm never recorded, or that are 0 in both, are left out.
    """
    found = [_cost_ratio(pairs, measure) for measure in MEASURES]
    return [ratio for ratio in found if ratio is not None and (ratio.control or ratio.treatment)]


def price(pairs: Pairs) -> Price | None:
    """USD per resolved instance, over the pairs whose cost is known in both arms; None if there are none.

    USD per additional resolved instance is (mean cost of the treatment - of the control) / (resolved share of the
    treatment - of the control), seeds averaged within instances: negative where more was resolved for less.
    """
    counted = _in_both(pairs, "cost_usd")
    if not counted.any():
        return None
    usd = pairs.control_amounts["cost_usd"], pairs.treatment_amounts["cost_usd"]
    control_usd, treatment_usd, control, treatment = (
        _instance_means(values, counted) for values in (*usd, pairs.control, pairs.treatment)
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
    counted = _in_both(pairs, measure)
    if not counted.any():
        return None
    control = _instance_means(pairs.control_amounts[measure], counted)
    treatment = _instance_means(pairs.treatment_amounts[measure], counted)
    return CostRatio(
        measure=measure,
        control=float(control.mean()),
        treatment=float(treatment.mean()),
        ratio=_ratio(treatment, control),
        ci95=_ratio_ci95(treatment, control),
        n_instances=len(control),
    )


def _in_both(pairs: Pairs, measure: str) -> Any:
    """(instances, seeds): whether both arms recorded the measure."""
    return ~np.isnan(pairs.control_amounts[measure]) & ~np.isnan(pairs.treatment_amounts[measure])


def _instance_means(values: Floats, counted: Any) -> Floats:
    """(counted instances,): means over the counted seeds."""
    means = mean_over_seeds(np.where(counted, values, np.nan))
    return means[~np.isnan(means)]


def _ratio(top: Floats, bottom: Floats) -> float | None:
    return float(top.mean() / bottom.mean()) if bottom.mean() > 0 else None


def _per_resolved_ci95(usd: Floats, resolved: Floats) -> Interval | None:
    """Inverse of the interval of resolved instances per USD, which is defined even for resamples that resolve nothing."""
    ci95 = _ratio_ci95(resolved, usd)
    return (1 / ci95[1], 1 / ci95[0]) if ci95 and ci95[0] > 0 else None


def _per_additional(usd: Floats, resolved: Floats) -> tuple[float | None, Interval | None]:
    """(USD per additional resolved instance, its interval), given the differences per instance.

    The interval uses percentiles: a resample that resolves no more is unbounded, which BCa cannot handle.
    """
    if len(resolved) < 2 or resolved.mean() <= 0:
        return None, None
    half_width = float(stats.t.ppf(0.975, len(resolved) - 1) * stats.sem(resolved))
    if resolved.mean() <= half_width:
        return None, None
    return float(usd.mean() / resolved.mean()), _ratio_ci95(usd, resolved, method="percentile")


def _mean_ratio(top: Floats, bottom: Floats, axis: int = -1) -> Floats:
    """mean(top) / mean(bottom) of every resample; infinite unless mean(bottom) is above 0."""
    above, below = np.mean(top, axis=axis), np.mean(bottom, axis=axis)
    unbounded: Floats = np.full(np.shape(below), np.inf)
    return np.asarray(np.divide(above, below, out=unbounded, where=below > 0))


def _ratio_ci95(top: Floats, bottom: Floats, method: str = "BCa") -> Interval | None:
    """95 % bootstrap interval of mean(top) / mean(bottom) over instances.

    Falls back to percentiles where BCa is undefined (all values equal); None where these are unbounded, too.
    """
    n = len(top)
    if n < 2:
        return None
    resample = partial(
        stats.bootstrap,
        (top, bottom),
        _mean_ratio,
        paired=True,
        vectorized=True,
        batch=max(1, _BATCH_VALUES // n),
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # about degenerate data, which are checked for below
        rng = np.random.default_rng(_SEED)
        drawn = resample(n_resamples=_RESAMPLES, method=method, random_state=rng)
        if not np.isfinite(drawn.confidence_interval).all():
            drawn = resample(n_resamples=0, bootstrap_result=drawn, method="percentile")
    low, high = drawn.confidence_interval
    return (float(low), float(high)) if np.isfinite([low, high]).all() else None
