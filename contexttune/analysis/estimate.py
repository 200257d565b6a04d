"""The mean difference of two arms with its error, by the method that its instances ask for."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from scipy.stats import t

from contexttune.analysis import mcnemar, paired_t
from contexttune.analysis.evidence import Equivalence, Estimate, Interval
from contexttune.analysis.outcomes import Floats, Pairs, mean_over_seeds

ALPHA = 0.05  # two-sided, of every claim
_POWER = 0.80

MCNEMAR = "mid-p McNemar test, score interval"
PAIRED_T = "paired t test on instance means"
PAIRED_T_OF_FEW = f"{PAIRED_T}, with the score interval of as many whole gains and losses"

_FEW = 8  # instances that differ


def differences(pairs: Pairs) -> Floats:
    """Treatment minus control of every measured instance, seeds averaged: (measured instances,)."""
    return mean_over_seeds((pairs.treatment - pairs.control)[pairs.measured])


def is_binary(values: Floats) -> bool:
    """Whether the differences are those of yes and no: one seed, or seeds that all agree."""
    return bool(np.isin(values, (-1.0, 0.0, 1.0)).all())


def counts(values: Floats) -> tuple[int, int, int]:
    """(gains, losses, instances) of binary differences."""
    return int((values > 0).sum()), int((values < 0).sum()), len(values)


def estimated(values: Floats) -> Estimate | None:
    """None for fewer than two instances, and where equal fractions of all of them leave no error to estimate."""
    if len(values) < 2:
        return None
    if is_binary(values):
        return _binary(*counts(values))
    if np.ptp(values) == 0:
        return None
    return _of_few(values) if _are_few(values) else _of_many(values)


def _of_many(values: Floats) -> Estimate:
    result = paired_t.paired_t(values)
    return Estimate(
        estimate=result.estimate,
        se=result.se,
        ci95=result.ci95,
        ci90=result.ci90,
        method=PAIRED_T,
        p=result.p,
        p_exact=None,
        mde80=mde80(result.se, len(values)),
    )


def _of_few(values: Floats) -> Estimate:
    """With the error of whole gains and losses, where that is larger.

    One instance of 50 that differs by a fifth has a t interval of a point either way, though 50 instances cannot tell that
    others do not differ by much more. p needs no such care: it errs as often as it says (benchmarks/statistics.py).
    """
    by_t, whole = _of_many(values), _binary(*counts(values))
    se = max(by_t.se, whole.se)
    return replace(
        by_t,
        se=se,
        ci95=_around(by_t.ci95, whole.ci95),
        ci90=_around(by_t.ci90, whole.ci90),
        method=PAIRED_T_OF_FEW,
        mde80=mde80(se, len(values)),
    )


def _are_few(values: Floats) -> bool:
    return bool(np.count_nonzero(values) < _FEW)


def _around(one: Interval, other: Interval) -> Interval:
    return min(one[0], other[0]), max(one[1], other[1])


def _binary(b: int, c: int, n: int) -> Estimate:
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
    """Two one-sided tests by the method of `estimated`, which must not be None of these differences."""
    if is_binary(values):
        p = mcnemar.equivalence_p(*counts(values), margin)
    else:
        p = paired_t.equivalence_p(values, margin)
        if _are_few(values):
            p = max(p, mcnemar.equivalence_p(*counts(values), margin))
    return Equivalence(margin=margin, p=p, holds=p < ALPHA)


def mde80(se: float, n: int) -> float:
    """The true difference that n instances (at least 2) with this standard error find in 80 of 100 repetitions.

    The t quantiles of 97.5 % and 80 % times the error: Miller (2024), arXiv:2411.00640, with t for its z. Above 1 no
    difference is large enough.
    """
    return reach(n) * se


@lru_cache
def reach(n: int) -> float:
    """The minimum detectable effect in standard errors; 2.8 for many instances."""
    return float(t.ppf(1 - ALPHA / 2, n - 1) + t.ppf(_POWER, n - 1))
