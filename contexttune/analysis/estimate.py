"""Paired difference of two arms: estimate, intervals, tests and minimum detectable effect."""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
from scipy.stats import t

from contexttune.analysis import mcnemar, paired_t
from contexttune.analysis.evidence import Equivalence, Estimate, Interval
from contexttune.analysis.outcomes import Floats, Pairs, mean_over_seeds

ALPHA = 0.05  # two-sided
_POWER = 0.80

MCNEMAR = "mid-p McNemar test, score interval"
PAIRED_T = "paired t test on instance means"
PAIRED_T_FEW_DISCORDANT = f"{PAIRED_T}, interval at least as wide as McNemar's score interval"

_FEW = 8  # discordant instances


def differences(pairs: Pairs) -> Floats:
    """(measured instances,): treatment minus control, seeds averaged."""
    return mean_over_seeds((pairs.treatment - pairs.control)[pairs.measured])


def is_binary(values: Floats) -> bool:
    """Whether all differences are -1, 0 or 1: one seed, or seeds that all agree."""
    return bool(np.isin(values, (-1.0, 0.0, 1.0)).all())


def counts(values: Floats) -> tuple[int, int, int]:
    """(gains, losses, instances)."""
    return int((values > 0).sum()), int((values < 0).sum()), len(values)


def estimate_difference(values: Floats) -> Estimate | None:
    """Estimate the mean of `values`; None for fewer than two, or where all are the same fraction and show no spread."""
    if len(values) < 2:
        return None
    if is_binary(values):
        return _by_mcnemar(*counts(values))
    if np.ptp(values) == 0:
        return None
    return _by_wider_t(values) if _few_discordant(values) else _by_t(values)


def _by_t(values: Floats) -> Estimate:
    result = paired_t.paired_t(values)
    mde = mde80(result.se, len(values))
    return Estimate(**asdict(result), method=PAIRED_T, p_exact=None, mde80=mde)


def _by_wider_t(values: Floats) -> Estimate:
    """The t estimate, its error and intervals widened to cover those of McNemar's method.

    If one instance of 50 differs by a fifth, t gives an interval of one point either way, though 50 instances cannot
    exclude that others differ by much more. p needs no correction: see benchmarks/statistics.py.
    """
    by_t, whole = _by_t(values), _by_mcnemar(*counts(values))
    se = max(by_t.se, whole.se)
    return replace(
        by_t,
        se=se,
        ci95=_hull(by_t.ci95, whole.ci95),
        ci90=_hull(by_t.ci90, whole.ci90),
        method=PAIRED_T_FEW_DISCORDANT,
        mde80=mde80(se, len(values)),
    )


def _few_discordant(values: Floats) -> bool:
    return bool(np.count_nonzero(values) < _FEW)


def _hull(one: Interval, other: Interval) -> Interval:
    return min(one[0], other[0]), max(one[1], other[1])


def _by_mcnemar(b: int, c: int, n: int) -> Estimate:
    se = mcnemar.standard_error(b, c, n)
    return Estimate(
        estimate=(b - c) / n,
        se=se,
        ci95=mcnemar.score_interval(b, c, n, 0.95),
        ci90=mcnemar.score_interval(b, c, n, 0.90),
        method=MCNEMAR,
        p=mcnemar.mcnemar_midp(b, c),
        p_exact=mcnemar.mcnemar_exact(b, c),
        mde80=mde80(se, n),
    )


def equivalence(values: Floats, margin: float) -> Equivalence:
    """Two one-sided tests by the method of `estimate_difference`, which must not be None for `values`."""
    if is_binary(values):
        p = mcnemar.equivalence_p(*counts(values), margin)
    else:
        p = paired_t.equivalence_p(values, margin)
        if _few_discordant(values):
            p = max(p, mcnemar.equivalence_p(*counts(values), margin))
    return Equivalence(margin=margin, p=p, holds=p < ALPHA)


def mde80(se: float, n: int) -> float:
    """Minimum detectable effect of n >= 2 instances, found in 80 of 100 repetitions; above 1 it is unattainable.

    Miller (2024), arXiv:2411.00640, with quantiles of t instead of z.
    """
    return mde_in_se(n) * se


@lru_cache
def mde_in_se(n: int) -> float:
    """The minimum detectable effect in units of the standard error: t_.975 + t_.80, or 2.8 for large n."""
    return float(t.ppf(1 - ALPHA / 2, n - 1) + t.ppf(_POWER, n - 1))
