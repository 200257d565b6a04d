import math
import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from contexttune.analysis.outcomes import arms
from contexttune.analysis.rates import effective, rate_ci95, wilson


@pytest.mark.parametrize(("resolved", "n"), [(0, 2), (3, 6), (5, 6), (50, 50), (171, 500)])
def test_one_seed_has_wilsons_interval(resolved, n):
    direct = stats.binomtest(resolved, n).proportion_ci(method="wilson")
    assert wilson(resolved / n, n) == pytest.approx((direct.low, direct.high))


def test_several_seeds_have_wilsons_of_the_results_that_they_are_worth():
    shares = np.array([0.0, 1 / 3, 2 / 3, 1.0, 1.0, 1.0, 0.0, 1 / 3])
    # mean 13/24, squares 33/9: variance (33/9 - 8 (13/24)^2) / 7 = .188492; worth (13/24) (11/24) / (.188492 / 8) = 10.5369
    worth, t2 = 10.5369, 5.59145  # t(7) = 2.36462, squared
    rate = 13 / 24
    half = math.sqrt(t2 * (rate * (1 - rate) / worth + t2 / (4 * worth**2)))
    middle, scale = rate + t2 / (2 * worth), 1 + t2 / worth
    assert effective(shares, 24) == pytest.approx(
        ((middle - half) / scale, (middle + half) / scale), abs=1e-4
    )
    assert effective(shares, 5) == pytest.approx(
        wilson(rate, 5, math.sqrt(t2)), abs=1e-4
    )  # no more than there are


def test_many_instances_have_students_interval():
    shares = np.random.default_rng(1).binomial(3, 0.5, 3000) / 3
    direct = stats.ttest_1samp(shares, 0).confidence_interval(0.95)
    assert effective(shares, 9000) == pytest.approx((direct.low, direct.high), abs=1e-4)


def test_seeds_that_resolve_one_instance_once_do_not_make_a_low_rate_certain():
    low, high = effective(np.array([0.5] + [0.0] * 49), 100)
    assert wilson(0.0, 100)[1] < high < wilson(0.0, 50)[1]
    assert low > 0.0
    assert effective(np.full(50, 0.5), 100) == pytest.approx(
        wilson(0.5, 100, 2.0096), abs=1e-4
    )  # equal shares are no certainty


def test_the_interval_covers_a_low_rate_about_as_often_as_it_says():
    lots = np.random.default_rng(4)
    held = 0
    for _ in range(1000):
        shares = lots.binomial(2, lots.beta(0.05, 0.95, 50)) / 2
        low, high = effective(shares, 100) if shares.any() else wilson(0.0, 50)
        held += low <= 0.05 <= high
    assert 0.92 <= held / 1000 <= 0.98


def rows(outcomes):
    return [
        {"condition": "c", "seed": seed, "instance_id": name, "repo": "o/r", "outcome": outcome}
        for name, found in outcomes.items()
        for seed, outcome in enumerate(found)
    ]


def test_instances_are_the_unit_and_missing_results_are_in_none():
    R, U, M = "resolved", "unresolved", "missing"
    arm = arms(rows({"a": [R, R], "b": [R, U], "c": [U, M], "d": [M, M]}), ["c"])["c"]
    assert rate_ci95(arm) == pytest.approx(effective(np.array([1.0, 0.5, 0.0]), 5))
    agreeing = arms(rows({"a": [R, R], "b": [U, U], "c": [U, M]}), ["c"])["c"]
    assert rate_ci95(agreeing) == pytest.approx(wilson(1 / 3, 3))
    assert rate_ci95(arms(rows({"a": [R, R]}), ["c"])["c"]) is None


def test_a_group_of_one_arm_does_not_import_the_statistics():
    code = (
        "import sys; from contexttune.analysis import outcomes; "
        "from contexttune.report.condition_summary import summarize_condition; "
        "summarize_condition(outcomes.arms([], ['c'])['c'], [], []); print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
