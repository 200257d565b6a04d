"""What would settle an open question: seeds or instances needed, and what the additional attempts cost here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from contexttune.analysis.estimate import reach
from contexttune.analysis.evidence import Estimate, Settle
from contexttune.analysis.outcomes import Floats, Pairs

MAX_SEEDS = 100  # beyond it, more instances are the only sensible advice
ASSUMED_ICC = 0.5  # of one seed, which cannot say how it would repeat: the middle of what is published
_TOKENS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True, kw_only=True)
class Components:
    """Where the variance of an instance's difference comes from.

    Attributes:
        total: of the differences, with the seeds as they are.
        seeds: variance of a single seed inside an instance, both arms together: what more seeds average out.
        effect: variance of the true effect between instances: what they do not.
    """

    total: float
    seeds: float
    effect: float


def settle(pairs: Pairs, estimate: Estimate, margin: float) -> Settle:
    """The design that would see `margin` with 80 % power, and the price of what it needs in addition."""
    n_seeds, n_instances = len(pairs.seeds), int(pairs.measured.sum())
    found = components(pairs, estimate)
    more_seeds: int | None = n_seeds
    more_instances = n_instances
    if estimate.mde80 > margin:
        needed = seeds_needed(found, n_instances, margin)
        more_seeds = None if needed is None else max(n_seeds + 1, needed)
        more_instances = max(n_instances + 1, instances_needed(found.total, margin))
    by_seeds = None if more_seeds is None else (more_seeds - n_seeds) * n_instances
    by_instances = (more_instances - n_instances) * n_seeds
    usd = _amount_of_both(pairs, "cost_usd")
    tokens = [_amount_of_both(pairs, measure) for measure in _TOKENS]
    both_tokens = None if None in tokens else sum(value for value in tokens if value is not None)
    return Settle(
        effect=margin,
        n_seeds=more_seeds,
        n_instances=more_instances,
        seeds_usd=_times(usd, by_seeds),
        instances_usd=_times(usd, by_instances),
        seeds_tokens=_whole(_times(both_tokens, by_seeds)),
        instances_tokens=_whole(_times(both_tokens, by_instances)),
    )


def components(pairs: Pairs, estimate: Estimate) -> Components:
    """Miller (2024), arXiv:2411.00640: Var(d) = effect + seeds / K, and the effect's share is never below 0.

    One seed cannot tell the two apart. Then the correlation of two seeds of an instance is taken to be 0.5, so that a
    seed has half of its arm's variance m (1 - m), m being the resolve rate.
    """
    measured = pairs.measured
    total = estimate.se**2 * int(measured.sum())
    arms = pairs.control[measured], pairs.treatment[measured]
    seeds = sum(_seed_variance(arm) for arm in arms)
    repeats = np.count_nonzero(~np.isnan(arms[0]), axis=1)
    return Components(total=total, seeds=seeds, effect=max(0.0, total - seeds * float(np.mean(1 / repeats))))


def _seed_variance(arm: Floats) -> float:
    """Mean over instances of the variance of their seeds; assumed where no instance has two."""
    repeated = arm[np.count_nonzero(~np.isnan(arm), axis=1) > 1]
    if len(repeated):
        return float(np.nanvar(repeated, axis=1, ddof=1).mean())
    rate = float(np.nanmean(arm))
    return (1 - ASSUMED_ICC) * rate * (1 - rate)


def seeds_needed(found: Components, n_instances: int, margin: float) -> int | None:
    """Seeds an arm on these instances; None where the effect varies too much between them, or above MAX_SEEDS."""
    spare = n_instances * (margin / reach(n_instances)) ** 2 - found.effect
    if spare <= 0 or found.seeds > spare * MAX_SEEDS:
        return None
    return max(1, math.ceil(found.seeds / spare))


def instances_needed(variance: float, margin: float) -> int:
    """Instances whose differences have this variance, at least 2."""
    number = max(2, math.ceil((reach(10**9) / margin) ** 2 * variance))
    while (
        reach(number) * math.sqrt(variance / number) > margin
    ):  # few more: t is above z for small numbers only
        number += 1
    return number


def _amount_of_both(pairs: Pairs, measure: str) -> float | None:
    """Of an attempt in the control and one in the treatment, on average; None where either was never counted."""
    means = [_mean(amounts, measure) for amounts in (pairs.control_amounts, pairs.treatment_amounts)]
    return None if None in means else sum(mean for mean in means if mean is not None)


def _mean(amounts: Mapping[str, Floats], measure: str) -> float | None:
    values = amounts.get(measure)
    return None if values is None or np.isnan(values).all() else float(np.nanmean(values))


def _times(amount: float | None, number: int | None) -> float | None:
    return None if amount is None or number is None else amount * number


def _whole(amount: float | None) -> int | None:
    return None if amount is None else round(amount)
