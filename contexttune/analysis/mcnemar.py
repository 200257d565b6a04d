"""Paired difference of binary outcomes: b instances resolved by the treatment only, c by the control only, of n."""

from __future__ import annotations

import math
from functools import lru_cache

from scipy.optimize import brentq
from scipy.special import ndtr, ndtri
from scipy.stats import binom, binomtest

from contexttune.analysis.evidence import Interval

_PRECISION = 1e-10  # precision of an interval's ends
_FAR = 1e3  # stands for an infinite score, which the root finder cannot handle
_CACHED = 4096  # bounds and simulations ask for the same few counts again and again


@lru_cache(_CACHED)
def mcnemar_midp(b: int, c: int) -> float:
    """Two-sided mid-p: the exact conditional p minus the probability of the observed counts; 1.0 for b = c.

    Fagerland, Lydersen and Laake (2013), BMC Medical Research Methodology 13:91: the exact test is conservative, the
    mid-p test rejects about as often as its level.
    """
    fewer, discordant = min(b, c), b + c
    p = 2 * binom.cdf(fewer, discordant, 0.5) - binom.pmf(fewer, discordant, 0.5)
    return min(1.0, float(p))


@lru_cache(_CACHED)
def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact p, which reviewers ask for beside the mid-p."""
    return float(binomtest(min(b, c), b + c).pvalue) if b + c else 1.0


@lru_cache(_CACHED)
def score_interval(b: int, c: int, n: int, level: float) -> Interval:
    """Score interval of the difference: Tango (1998), Statistics in Medicine 17:891-908.

    Preferred to Bonett and Price (2012), whose interval is conservative where few instances are discordant:
    `python -m benchmarks.statistics` prints the coverage of both.
    """
    z = float(ndtri((1 + level) / 2))
    return -_upper(c, b, n, z), _upper(b, c, n, z)


def _upper(b: int, c: int, n: int, z: float) -> float:
    if b == n:
        return 1.0
    return float(brentq(lambda d: max(score(b, c, n, d), -_FAR) + z, (b - c) / n, 1.0, xtol=_PRECISION))


def score(b: int, c: int, n: int, difference: float) -> float:
    """Tango's z for a true difference of `difference`: positive if more was observed, infinite if it is impossible.

    The nuisance parameter, the probability of a loss, is its maximum likelihood estimate under that difference: the
    larger root of 2n q^2 + ((2n - b + c) difference - b - c) q - c difference (1 - difference).
    """
    linear = (2 * n - b + c) * difference - b - c
    root = math.sqrt(max(0.0, linear**2 + 8 * n * c * difference * (1 - difference)))
    loss = max(0.0, (root - linear) / (4 * n), -difference)
    variance = n * (2 * loss + difference * (1 - difference))
    excess = b - c - n * difference
    if variance <= 0:  # at -1, at 1, and at 0 without a discordant instance
        return 0.0 if abs(excess) < _PRECISION else math.copysign(math.inf, excess)
    return excess / math.sqrt(variance)


def equivalence_p(b: int, c: int, n: int, margin: float) -> float:
    """p of a true difference beyond the margin: the larger of two one-sided score tests."""
    return float(max(ndtr(-score(b, c, n, -margin)), ndtr(score(b, c, n, margin))))


def standard_error(b: int, c: int, n: int) -> float:
    """Standard error of (b - c) / n with one gain and one loss added, so that it is never 0.

    Bonett and Price (2012), Journal of Educational and Behavioral Statistics 37:479-488.
    """
    gain, loss = (b + 1) / (n + 2), (c + 1) / (n + 2)
    return math.sqrt((gain + loss - (gain - loss) ** 2) / (n + 2))
