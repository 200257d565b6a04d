"""Bootstrap interval of a mean of values that follow no known distribution, such as ranks or shares."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, stdtrit
from scipy.stats import bootstrap

from contexttune.analysis.evidence import Interval
from contexttune.analysis.outcomes import Floats

_RESAMPLES = 5000
_MIN_VALUES = 6  # five values are all on one side of 0 by chance in one of sixteen samples


def mean_ci95(values: Floats) -> Interval | None:
    """95 % percentile bootstrap interval of the mean of values (n,), deterministic; None for fewer than six values.

    The percentiles are widened for small n: Hesterberg (2015), The American Statistician 69:371-386.
    """
    n = len(values)
    if n < _MIN_VALUES:
        return None
    tail = float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))
    result = bootstrap(
        (values,),
        np.mean,
        confidence_level=1 - 2 * tail,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
