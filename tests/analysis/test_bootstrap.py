"""Differences between conditions whose values are known."""

import numpy as np

from contexttune.analysis.bootstrap import mean_ci95


def test_an_interval_holds_the_mean_of_few_as_often_as_that_of_many():
    lots = np.random.default_rng(3)
    missed = {}
    for n in (6, 8, 30):
        found = [mean_ci95(lots.normal(size=n)) for _ in range(1000)]
        missed[n] = sum(not low <= 0 <= high for low, high in found) / len(found)
    assert all(0.03 <= share <= 0.08 for share in missed.values()), missed
