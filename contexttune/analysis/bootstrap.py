"""The interval of a mean whose values have no distribution to speak of: shares of a few files, ranks."""

from __future__ import annotations

import numpy as np
from scipy.stats import bootstrap

from contexttune.analysis.evidence import Interval
from contexttune.analysis.outcomes import Floats

_RESAMPLES = 5000


def mean_ci95(values: Floats) -> Interval | None:
    """95 % percentile interval of the mean of values (n,), the same in every call; None for fewer than two."""
    if len(values) < 2:
        return None
    result = bootstrap(
        (values,), np.mean, n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(0)
    )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)
