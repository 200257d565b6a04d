"""Sample size that would detect an effect of the margin: seeds or instances, and the cost of the additional attempts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from contexttune.analysis.estimate import mde_in_se
from contexttune.analysis.evidence import Estimate, RequiredSample
from contexttune.analysis.outcomes import Floats, Pairs

MAX_SEEDS = 100  # beyond it, only more instances are sensible
ASSUMED_ICC = 0.5  # used with one seed, which shows no ICC: the middle of published values
_TOKENS = ("prompt_tokens", "completion_tokens")


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variance components of an instance's difference.

    Attributes:
        total: variance of the differences, with the current seeds.
        seeds: variance of a single seed within an instance, both arms together; more seeds average it out.
        effect: variance of the true effect between instances; more seeds do not reduce it.
    """

    total: float
    seeds: float
    effect: float


def required_sample(pairs: Pairs, estimate: Estimate, margin: float) -> RequiredSample:
    """The sample that detects `margin` with 80 % power, and the cost of the attempts still to run."""
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
    usd, tokens = _mean_of_pair(pairs, ["cost_usd"]), _mean_of_pair(pairs, _TOKENS)
    return RequiredSample(
        effect=margin,
        n_seeds=more_seeds,
        n_instances=more_instances,
        seeds_usd=_times(usd, by_seeds),
        instances_usd=_times(usd, by_instances),
        seeds_tokens=_whole(_times(tokens, by_seeds)),
        instances_tokens=_whole(_times(tokens, by_instances)),
    )


def components(pairs: Pairs, estimate: Estimate) -> Components:
    """Split the variance: Var(d) = effect + seeds / K, effect at least 0 (Miller 2024, arXiv:2411.00640).

    One seed cannot separate the two. Then an ICC of 0.5 is assumed, so that a seed has half of its arm's variance
    m (1 - m), m being the resolve rate.
    """
    measured = pairs.measured
    total = estimate.se**2 * int(measured.sum())
    arms = pairs.control[measured], pairs.treatment[measured]
    seeds = sum(_seed_variance(arm) for arm in arms)
    repeats = np.count_nonzero(~np.isnan(arms[0]), axis=1)
    return Components(total=total, seeds=seeds, effect=max(0.0, total - seeds * float(np.mean(1 / repeats))))


def _seed_variance(arm: Floats) -> float:
    """Mean over instances of the variance between seeds; assumed where no instance has two."""
    repeated = arm[np.count_nonzero(~np.isnan(arm), axis=1) > 1]
    if len(repeated):
        return float(np.nanvar(repeated, axis=1, ddof=1).mean())
    rate = float(np.nanmean(arm))
    return (1 - ASSUMED_ICC) * rate * (1 - rate)


def seeds_needed(found: Components, n_instances: int, margin: float) -> int | None:
    """Seeds per arm on these instances; None above MAX_SEEDS, or where the effect varies too much between instances."""
    spare = n_instances * (margin / mde_in_se(n_instances)) ** 2 - found.effect
    if spare <= 0 or found.seeds > spare * MAX_SEEDS:
        return None
    return max(1, math.ceil(found.seeds / spare))


def instances_needed(variance: float, margin: float) -> int:
    """Instances needed if their differences have this variance, at least 2."""
    number = max(2, math.ceil((mde_in_se(10**9) / margin) ** 2 * variance))
    # starts from the limit for large n; t needs a few more where n is small
    while mde_in_se(number) * math.sqrt(variance / number) > margin:
        number += 1
    return number


def _mean_of_pair(pairs: Pairs, measures: Sequence[str]) -> float | None:
    """Mean amount of one attempt in each arm, summed over `measures`; None if any was never recorded."""
    arms = pairs.control_amounts, pairs.treatment_amounts
    amounts = [arm[measure] for measure in measures for arm in arms]
    if any(np.isnan(values).all() for values in amounts):
        return None
    return float(sum(np.nanmean(values) for values in amounts))


def _times(amount: float | None, number: int | None) -> float | None:
    return None if amount is None or number is None else amount * number


def _whole(amount: float | None) -> int | None:
    return None if amount is None else round(amount)
