import subprocess
import sys

import numpy as np
import pytest
from scipy import stats

from contexttune.analysis.outcomes import arms
from contexttune.analysis.rates import rate_ci95, student, wilson


@pytest.mark.parametrize(("resolved", "n"), [(0, 2), (3, 6), (5, 6), (50, 50), (171, 500)])
def test_one_seed_has_wilsons_interval(resolved, n):
    direct = stats.binomtest(resolved, n).proportion_ci(method="wilson")
    assert wilson(resolved / n, n) == pytest.approx((direct.low, direct.high))


def test_several_seeds_have_students_over_instance_means():
    shares = np.array([0.0, 1 / 3, 2 / 3, 1.0, 1.0, 1.0, 0.0, 1 / 3])
    direct = stats.ttest_1samp(shares, 0).confidence_interval(0.95)
    assert student(shares) == pytest.approx((direct.low, direct.high))
    assert student(np.array([0.9, 1.0]))[1] == 1.0  # no rate is higher


def rows(outcomes):
    return [
        {"condition": "c", "seed": seed, "instance_id": name, "repo": "o/r", "outcome": outcome}
        for name, found in outcomes.items()
        for seed, outcome in enumerate(found)
    ]


def test_instances_are_the_unit_and_missing_results_are_in_none():
    R, U, M = "resolved", "unresolved", "missing"
    arm = arms(rows({"a": [R, R], "b": [R, U], "c": [U, M], "d": [M, M]}), ["c"])["c"]
    assert rate_ci95(arm) == pytest.approx(student(np.array([1.0, 0.5, 0.0])))
    agreeing = arms(rows({"a": [R, R], "b": [U, U], "c": [U, M]}), ["c"])["c"]
    assert rate_ci95(agreeing) == pytest.approx(wilson(1 / 3, 3))
    assert rate_ci95(arms(rows({"a": [R, R]}), ["c"])["c"]) is None


def test_a_group_of_one_arm_does_not_import_the_statistics():
    code = (
        "import sys; from contexttune.analysis import outcomes; from contexttune.report.conditions import condition; "
        "condition(outcomes.arms([], ['c'])['c'], [], []); print('scipy.stats' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
