"""The resolve rate of one arm with its interval."""

from __future__ import annotations

import numpy as np
from scipy import stats

from contexttune.analysis.evidence import Interval
from contexttune.analysis.outcomes import Arm, mean_over_seeds


def rate_ci95(arm: Arm) -> Interval | None:
    """95 % interval of the mean over instances of the resolved share; None with fewer than two of them measured.

    Instances are the unit, as in every contrast: runs of one instance are no independent evidence. For one seed Wilson's
    score interval, else Student's t over instance means, cut at 0 and 1. Where these do not vary, as when every
    instance is resolved in every run, Wilson's interval of as many single results takes its place.
    """
    shares = mean_over_seeds(arm.resolved)
    shares = shares[~np.isnan(shares)]
    if len(shares) < 2:
        return None
    if np.isin(shares, (0.0, 1.0)).all():
        found = stats.binomtest(int(shares.sum()), len(shares)).proportion_ci(method="wilson")
        return float(found.low), float(found.high)
    found = stats.ttest_1samp(shares, 0.0).confidence_interval()
    return max(0.0, float(found.low)), min(1.0, float(found.high))
