import numpy as np
import pytest
from scipy import stats

from contexttune.analysis.evidence import Verdict
from contexttune.analysis.missing import bounds_differ, missing, share_missing
from tests.analysis.arrays import arm, pairs

NAN = float("nan")


def judged(control, treatment, margin=0.05, decide=lambda values: Verdict.INCONCLUSIVE):
    return missing(pairs(control, treatment), margin=margin, decide=decide)


def test_every_missing_result_is_imputed_for_and_against_the_treatment():
    # pairs: (0, 1), (missing, 1), (1, missing), both missing
    found = judged([[0], [NAN], [1], [NAN]], [[1], [1], [NAN], [NAN]])
    assert (found.control, found.treatment) == ((2, 4), (2, 4))
    # against it: +1, 0 (control resolved), -1 (treatment not), -1; for it: +1, +1, 0, +1
    assert found.bounds == (pytest.approx(-1 / 4), pytest.approx(3 / 4))


def test_seeds_are_imputed_one_by_one_and_averaged_inside_the_instance():
    found = judged([[0, NAN, 1], [1, 1, 1]], [[1, 1, 1], [1, 0, 1]])
    assert found.bounds == (pytest.approx((1 / 3 - 1 / 3) / 2), pytest.approx((2 / 3 - 1 / 3) / 2))


def test_the_verdict_at_a_bound_is_asked_with_the_differences_of_all_instances():
    asked = []
    judged([[0], [NAN]], [[1], [1]], decide=lambda values: asked.append(list(values)) or Verdict.INCONCLUSIVE)
    assert asked == [[1.0, 0.0], [1.0, 1.0]]


def test_missingness_is_fishers_test():
    control, treatment = np.zeros((200, 1)), np.zeros((200, 1))
    control[:2], treatment[:12] = NAN, NAN
    found = judged(control, treatment, margin=0.5)
    assert found.p_fisher == pytest.approx(stats.fisher_exact([[2, 198], [12, 188]]).pvalue)
    assert found.p_fisher < 0.05
    assert found.is_unequal
    assert share_missing(found) == pytest.approx(14 / 400)


def test_shares_that_differ_by_more_than_the_margin_are_unequal_too():
    """Five of 50 against none, which Fisher's test lets pass."""
    control, treatment = np.zeros((50, 1)), np.zeros((50, 1))
    treatment[:5] = NAN
    found = judged(control, treatment)
    # by hand: 2 C(50, 5) / C(100, 5)
    assert found.p_fisher == pytest.approx(0.0563, abs=1e-4)
    assert found.is_unequal
    assert not judged(control, treatment, margin=0.11).is_unequal


def test_what_is_planned_in_one_arm_only_is_not_missing():
    from contexttune.analysis.outcomes import pair

    short = arm("treatment", [[1], [NAN]])
    short.planned[1] = False
    found = missing(
        pair(arm("control", [[0], [1]]), short), margin=0.05, decide=lambda _: Verdict.INCONCLUSIVE
    )
    assert (found.control, found.treatment, found.bounds) == ((0, 1), (0, 1), (1.0, 1.0))


def test_nothing_planned_leaves_everything_possible():
    found = judged(np.zeros((3, 0)), np.zeros((3, 0)))
    assert (found.control, found.treatment, found.bounds) == ((0, 0), (0, 0), (-1.0, 1.0))
    assert (found.p_fisher, found.is_unequal, share_missing(found)) == (1.0, False, 0.0)


@pytest.mark.parametrize(
    ("verdict", "differ"), [(Verdict.INCONCLUSIVE, False), (Verdict.BETTER, True), (Verdict.EQUIVALENT, True)]
)
def test_bounds_that_say_another_verdict_differ(verdict, differ):
    assert bounds_differ(judged([[0], [1]], [[1], [1]]), verdict) is differ
