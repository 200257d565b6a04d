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


def rate_ci95(arm: Arm) -> Interval | None:
    """95 % interval of the mean over instances of the resolved share; None with fewer than two of them measured.

    Instances are the unit, as in every contrast: runs of one instance are no independent evidence. For one seed, or seeds
    that always agree, Wilson's score interval, else Student's t over instance means, cut at 0 and 1.
    """
    shares = mean_over_seeds(arm.resolved)
    shares = shares[~np.isnan(shares)]
    if len(shares) < 2:
        return None
    if np.isin(shares, (0.0, 1.0)).all():
        return wilson(float(shares.mean()), len(shares))
    return student(shares)


def wilson(rate: float, n: int) -> Interval:
    """The 95 % interval of Wilson (1927), Journal of the American Statistical Association 22:209-212."""
    z2 = float(special.ndtri(0.975)) ** 2
    middle = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half_width = math.sqrt(z2 * (rate * (1 - rate) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return max(0.0, middle - half_width), min(1.0, middle + half_width)


def student(shares: Floats) -> Interval:
    """The 95 % interval of the mean of shares (n,), n of at least 2."""
    n = len(shares)
    half_width = float(special.stdtrit(n - 1, 0.975)) * float(shares.std(ddof=1)) / math.sqrt(n)
    mean = float(shares.mean())
    return max(0.0, mean - half_width), min(1.0, mean + half_width)
