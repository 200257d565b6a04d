"""The interval of a mean whose values have no distribution to speak of: shares of a few files, ranks."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, stdtrit
from scipy.stats import bootstrap

from contexttune.analysis.evidence import Interval
from contexttune.analysis.outcomes import Floats

_RESAMPLES = 5000
FEWEST = 6
"""Values that have an interval: of five, all lie on one side of 0 by chance in one of sixteen samples."""


def mean_ci95(values: Floats) -> Interval | None:
    """95 % bootstrap interval of the mean of values (n,), the same in every call; None for fewer than FEWEST.

    Of percentiles, which lie further out the fewer the values are: Hesterberg (2015), The American Statistician 69:371-386.
    """
    n = len(values)
    if n < FEWEST:
        return None
    outside = float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))
    result = bootstrap(
        (values,),
        np.mean,
        confidence_level=1 - 2 * outside,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
