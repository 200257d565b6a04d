"""Paired tests of resolved shares: one difference per instance, seeds averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr
from scipy.stats import permutation_test, ttest_1samp

from contexttune.analysis.evidence import Interval
from contexttune.analysis.outcomes import Floats

_RESAMPLES = 5000  # all sign flips are used where there are fewer
_FLIPS_AT_ONCE = 200_000  # bounds memory: 1.6 MB per array
_DECIMALS = 9  # equal sums of thirds differ beyond these


@dataclass(frozen=True, kw_only=True)
class PairedT:
    """Mean difference with its Student's t interval and p."""

    estimate: float
    se: float
    ci95: Interval
    ci90: Interval
    p: float


def paired_t(differences: Floats) -> PairedT:
    """Paired t test of differences (n,), n >= 2 and not all equal; intervals are clipped to [-1, 1]."""
    result = ttest_1samp(differences, 0.0)
    ci95, ci90 = (result.confidence_interval(level) for level in (0.95, 0.90))
    return PairedT(
        estimate=float(differences.mean()),
        se=_standard_error(differences),
        ci95=_within_unity(ci95.low, ci95.high),
        ci90=_within_unity(ci90.low, ci90.high),
        p=float(result.pvalue),
    )


def equivalence_p(differences: Floats, margin: float) -> float:
    """p of a true difference beyond the margin: the larger of two one-sided t tests (Schuirmann 1987).

    Takes the same differences as `paired_t`. Avoids scipy's t test, which takes a millisecond per side.
    """
    mean, se = float(differences.mean()), _standard_error(differences)
    below, above = -(mean + margin) / se, (mean - margin) / se
    return float(max(stdtr(len(differences) - 1, [below, above])))


def sign_flip_p(differences: Floats) -> float:
    """Two-sided p of the sign-flip permutation test of differences (n,); 1.0 where at most one is not 0.

    Exact for few differences, otherwise from 5,000 random sign vectors, the same in every call.
    """
    flipped = differences[differences != 0]  # flipping a zero changes nothing
    if len(flipped) < 2:
        return 1.0
    result = permutation_test(
        (flipped,),
        lambda values, axis: np.round(values.sum(axis=axis), _DECIMALS),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        batch=max(1, _FLIPS_AT_ONCE // len(flipped)),
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def _standard_error(differences: Floats) -> float:
    return float(differences.std(ddof=1)) / math.sqrt(len(differences))


def _within_unity(low: float, high: float) -> Interval:
    """Clip to the largest possible difference of shares."""
    return max(-1.0, float(low)), min(1.0, float(high))
