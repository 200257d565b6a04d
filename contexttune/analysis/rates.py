"""The resolve rate of one arm with its interval.

By scipy.special: a job writes its group's summary as its last act, and scipy.stats takes a second or two to import, which a
group of one arm has no other use for.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from contexttune.analysis.evidence import Interval
from contexttune.analysis.outcomes import Arm, Floats, mean_over_seeds

_Z95 = float(special.ndtri(0.975))


def rate_ci95(arm: Arm) -> Interval | None:
    """95 % interval of the mean over instances of the resolved share; None with fewer than two of them measured.

    Instances are the unit, as in every contrast: runs of one instance are no independent evidence. For one seed, or seeds
    that always agree, Wilson's score interval, else the same for as many results as the runs are worth.
    """
    shares = mean_over_seeds(arm.resolved)
    shares = shares[~np.isnan(shares)]
    if len(shares) < 2:
        return None
    if np.isin(shares, (0.0, 1.0)).all():
        return wilson(float(shares.mean()), len(shares))
    return effective(shares, int(np.count_nonzero(~np.isnan(arm.resolved))))


def wilson(rate: float, n: float, z: float = _Z95) -> Interval:
    """The interval of Wilson (1927), Journal of the American Statistical Association 22:209-212; 95 %, with its z."""
    z2 = z**2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half_width = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, middle - half_width), min(1.0, middle + half_width)


def effective(shares: Floats, n_results: int) -> Interval:
    """Wilson's interval with the effective sample size: how many independent results have the error of these shares.

    Franco, Little, Louis and Slud (2019), Journal of Survey Statistics and Methodology 7:334-364, with t's quantile for z.
    Student's interval covers less than it says where few instances are ever resolved: benchmarks/statistics.py prints both.

    Args:
        shares: (n,) of instances, n of at least 2, not all of them 0, nor all 1.
        n_results: runs that the shares are made of; they are worth no more than that.
    """
    n, rate = len(shares), float(shares.mean())
    error2 = float(shares.var(ddof=1)) / n
    worth = min(rate * (1 - rate) / error2, n_results) if error2 else n_results
    return wilson(rate, worth, float(special.stdtrit(n - 1, 0.975)))
