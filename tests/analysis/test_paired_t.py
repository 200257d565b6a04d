import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from contexttune.analysis import paired_t

THIRDS = np.array([1, 2, 0, 3, -1, 1, 0, 2, -2, 1]) / 3


def test_student_t_by_hand_and_by_scipy():
    result = paired_t.paired_t(THIRDS)
    # mean 7/30; squares 25/9, SD sqrt((25/9 - 10 (7/30)^2) / 9) = .498145; SE .157527; t(9): 2.26216, 1.83311
    assert result.estimate == pytest.approx(7 / 30)
    assert result.se == pytest.approx(0.157527, abs=1e-6)
    assert result.ci95 == pytest.approx((7 / 30 - 2.26216 * 0.157527, 7 / 30 + 2.26216 * 0.157527), abs=1e-5)
    assert result.ci90 == pytest.approx((7 / 30 - 1.83311 * 0.157527, 7 / 30 + 1.83311 * 0.157527), abs=1e-5)
    assert result.p == pytest.approx(stats.ttest_rel(THIRDS, np.zeros(10)).pvalue)


def test_an_interval_of_shares_ends_at_one():
    assert paired_t.paired_t(np.array([0.5, -1 / 3])).ci95 == (-1.0, 1.0)


@pytest.mark.parametrize("margin", [0.05, 0.3, 0.6, 0.999])
def test_equivalence_is_that_of_statsmodels(margin):
    p, _, _ = ttost_paired(THIRDS, np.zeros(10), -margin, margin)
    assert paired_t.equivalence_p(THIRDS, margin) == pytest.approx(p)


def test_few_sign_flips_are_counted_all():
    """Eight of these ten have a sign: 256 sets of signs, counted here one by one."""
    signed = THIRDS[THIRDS != 0]
    sums = [
        round(float(np.dot(signs, signed)), 9) for signs in itertools.product((-1, 1), repeat=len(signed))
    ]
    extreme = sum(value >= round(float(signed.sum()), 9) for value in sums)
    assert paired_t.sign_flip_p(THIRDS) == pytest.approx(2 * extreme / 2**8)


def test_many_sign_flips_are_drawn_and_the_same_every_time():
    many = np.random.default_rng(5).choice([-2, -1, 0, 1, 2, 3], 400) / 3
    p = paired_t.sign_flip_p(many - many.mean() + 0.06)
    assert p == paired_t.sign_flip_p(many - many.mean() + 0.06)
    assert p == pytest.approx(paired_t.paired_t(many - many.mean() + 0.06).p, abs=0.02)


def test_differences_without_a_sign_have_p_one():
    assert paired_t.sign_flip_p(np.zeros(7)) == 1.0


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=2, max_size=12).filter(lambda v: len(set(v)) > 1))
def test_swapping_the_arms_flips_the_sign_and_keeps_p(thirds):
    values = np.array(thirds) / 3
    there, back = paired_t.paired_t(values), paired_t.paired_t(-values)
    assert (there.estimate, there.se, there.p) == pytest.approx((-back.estimate, back.se, back.p))
    assert there.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]))
    assert paired_t.sign_flip_p(values) == paired_t.sign_flip_p(-values)
    assert paired_t.equivalence_p(values, 0.2) == pytest.approx(paired_t.equivalence_p(-values, 0.2))
