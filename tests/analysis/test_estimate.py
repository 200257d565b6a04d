import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from contexttune.analysis.estimate import (
    MCNEMAR,
    PAIRED_T,
    PAIRED_T_FEW_DISCORDANT,
    differences,
    equivalence,
    estimate_difference,
    mde80,
)
from contexttune.analysis.evidence import Verdict
from contexttune.analysis.mcnemar import equivalence_p, score_interval, standard_error
from tests.analysis.arrays import contrast, judged, outcomes, pairs

FLIPPED = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}


def test_one_seed_is_judged_by_mid_p_mcnemar():
    control, treatment = [[0]] * 9 + [[1]] * 2 + [[0]] * 39, [[1]] * 9 + [[0]] * 2 + [[0]] * 39
    found = contrast(control, treatment)
    assert (found.delta.method, found.delta.estimate) == (MCNEMAR, pytest.approx(7 / 50))
    assert (found.delta.p, found.delta.p_exact) == (pytest.approx(79 / 2048), pytest.approx(134 / 2048))
    assert found.delta.p_permutation == pytest.approx(134 / 2048)  # sign flips of +-1 are the exact test
    assert found.delta.mde80 == pytest.approx((2.00958 + 0.84902) * found.delta.se, rel=1e-4)
    assert (found.verdict, len(found.gained), len(found.lost)) == (Verdict.BETTER, 9, 2)
    assert (found.n_instances, found.n_seeds, found.n_pairs) == (50, 1, 50)


def test_seeds_are_averaged_inside_the_instance():
    control, treatment = outcomes(np.random.default_rng(3), 40, 3, effect=1.0)
    found = contrast(control, treatment).delta
    direct = stats.ttest_rel(treatment.mean(axis=1), control.mean(axis=1))
    assert (found.method, found.p_exact) == (PAIRED_T, None)
    assert found.p == found.p_holm == pytest.approx(direct.pvalue)
    assert found.ci95 == pytest.approx(tuple(direct.confidence_interval(0.95)))
    assert found.ci90 == pytest.approx(tuple(direct.confidence_interval(0.90)))
    assert found.estimate == pytest.approx(treatment.mean() - control.mean())


def test_with_few_discordant_instances_the_interval_is_at_least_mcnemars():
    """One of 50 by a fifth: t alone would say 0.4 points, give or take 0.8, and be sure of it."""
    one = estimate_difference(np.array([0.2] + [0.0] * 49))
    direct = stats.ttest_1samp([0.2] + [0.0] * 49, 0.0)
    assert (one.method, one.estimate, one.p) == (PAIRED_T_FEW_DISCORDANT, pytest.approx(0.004), direct.pvalue)
    assert (one.ci95, one.ci90) == (score_interval(1, 0, 50, 0.95), score_interval(1, 0, 50, 0.90))
    assert (one.se, one.mde80) == (standard_error(1, 0, 50), mde80(standard_error(1, 0, 50), 50))
    within = equivalence(np.array([0.2] + [0.0] * 49), 0.05)
    assert (within.p, within.holds) == (equivalence_p(1, 0, 50, 0.05), False)
    assert [
        estimate_difference(np.array([0.2] * n + [0.0] * (50 - n))).method == PAIRED_T for n in (7, 8)
    ] == [
        False,
        True,
    ]


def test_the_t_interval_stands_where_few_differences_are_wide_apart():
    values = np.array([1.0, -0.5, 0.0])
    by_t = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    assert by_t.low < -1
    assert by_t.high > 1
    assert estimate_difference(values).ci95 == (-1.0, 1.0)


def test_seeds_that_all_agree_are_one():
    control, treatment = (
        np.repeat([[0.0], [1.0], [0.0]], 3, axis=1),
        np.repeat([[1.0], [1.0], [0.0]], 3, axis=1),
    )
    assert contrast(control, treatment).delta.method == MCNEMAR


THREE = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30)


def seeds(counts):
    """[2, 0] -> [[1, 1, 0], [0, 0, 0]]."""
    return [[1.0] * n + [0.0] * (3 - n) for n in counts]


@settings(max_examples=40, deadline=None)
@given(THREE, st.sampled_from([0.05, 0.3]))
def test_swapping_the_arms_flips_the_sign_and_keeps_p(counts, margin):
    left, right = (seeds(side) for side in zip(*counts, strict=True))
    there, back = judged(left, right, margin), judged(right, left, margin)
    assert back.verdict is FLIPPED.get(there.verdict, there.verdict)
    assert (there.estimate is None) == (back.estimate is None)
    if there.estimate is None:
        return
    assert there.estimate.p == pytest.approx(back.estimate.p)
    assert there.estimate.mde80 == pytest.approx(back.estimate.mde80)
    assert there.estimate.estimate == pytest.approx(-back.estimate.estimate)
    assert there.estimate.ci95 == pytest.approx((-back.estimate.ci95[1], -back.estimate.ci95[0]))
    assert there.equivalence.p == pytest.approx(back.equivalence.p)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=30))
def test_a_shift_of_both_arms_leaves_the_difference(counts):
    """A seed of every instance is resolved in both arms that was not in either."""
    before = [seeds(side) for side in zip(*counts, strict=True)]
    after = [seeds([n + 1 for n in side]) for side in zip(*counts, strict=True)]
    assert estimate_difference(differences(pairs(*before))) == estimate_difference(differences(pairs(*after)))
