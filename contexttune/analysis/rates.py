"""Interval of one arm's resolve rate.

Uses scipy.special only: importing scipy.stats takes a second or two, which jobs of a group with one arm can avoid.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from contexttune.analysis.evidence import Interval
from contexttune.analysis.outcomes import Arm, Floats, mean_over_seeds

_Z95 = float(special.ndtri(0.975))


def rate_ci95(arm: Arm) -> Interval | None:
    """95 % interval of the mean resolved share over instances; None for fewer than two measured instances.

    As in contrasts, the unit is the instance. Wilson's score interval for one seed or seeds that always agree, otherwise
    Wilson's interval with the effective sample size.
    """
    shares = mean_over_seeds(arm.resolved)
    shares = shares[~np.isnan(shares)]
    if len(shares) < 2:
        return None
    if np.isin(shares, (0.0, 1.0)).all():
        return wilson(float(shares.mean()), len(shares))
    return effective(shares, int(np.count_nonzero(~np.isnan(arm.resolved))))


def wilson(rate: float, n: float, z: float = _Z95) -> Interval:
    """Score interval of Wilson (1927), Journal of the American Statistical Association 22:209-212; 95 % by default."""
    z2 = z**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half_width = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, middle - half_width), min(1.0, middle + half_width)


def effective(shares: Floats, n_results: int) -> Interval:
    """Wilson's interval with the effective sample size, the number of independent results with the same error.

    Franco, Little, Louis and Slud (2019), Journal of Survey Statistics and Methodology 7:334-364, with a t quantile for z.
    Student's interval undercovers where few instances are ever resolved: benchmarks/statistics.py prints both.

    Args:
        shares: (n,) resolved shares of instances, n >= 2, neither all 0 nor all 1.
        n_results: number of results, an upper bound of the effective sample size.
    """
    n, rate = len(shares), float(shares.mean())
    error2 = float(shares.var(ddof=1)) / n
    n_effective = min(rate * (1 - rate) / error2, n_results) if error2 else n_results
    return wilson(rate, n_effective, float(special.stdtrit(n - 1, 0.975)))
