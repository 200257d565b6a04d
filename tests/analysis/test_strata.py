import numpy as np
import pytest
from scipy import stats

from contexttune.analysis import mcnemar
from contexttune.analysis.estimate import differences, estimate_difference
from contexttune.analysis.strata import by_difficulty, by_repository, repository_mean, without_each_repository
from tests.analysis.arrays import pairs

REPOS = ["o/a"] * 4 + ["o/b"] * 3 + ["o/c"]
CONTROL = [[0, 0], [0, 1], [1, 1], [0, 0], [1, 1], [0, 0], [0, 1], [0, 0]]
TREATMENT = [[1, 0], [1, 1], [1, 1], [1, 1], [0, 1], [0, 0], [0, 0], [1, 1]]
DIFFERENCES = {"o/a": [0.5, 0.5, 0.0, 1.0], "o/b": [-0.5, 0.0, -0.5], "o/c": [1.0]}


def within_unity(interval):
    """No difference of shares is larger, whatever t says of a few instances."""
    return (max(-1, interval[0]), min(1, interval[1]))


def test_a_repository_has_the_paired_t_interval_of_its_own_instances():
    a, b, c = by_repository(pairs(CONTROL, TREATMENT, repos=REPOS))
    assert [s.name for s in (a, b, c)] == ["o/a", "o/b", "o/c"]
    assert (a.estimate, b.estimate, c.estimate) == (0.5, pytest.approx(-1 / 3), 1.0)
    # by hand: mean .5, SD .40825, SE .20412, t(3) = 3.18245
    assert a.ci95 == pytest.approx((0.5 - 3.18245 * 0.204124, 1.0), abs=1e-5)  # cut at 1
    p = [stats.ttest_1samp(DIFFERENCES[name], 0).pvalue for name in ("o/a", "o/b")]
    assert [a.p_bh, b.p_bh] == pytest.approx(stats.false_discovery_control(p))
    assert (c.ci95, c.p_bh, c.n_instances) == (None, None, 1)


def test_equal_differences_have_no_interval():
    """A third and two thirds minus a third are the same difference, whatever their last digit."""
    (only,) = by_repository(pairs([[0, 0, 0], [0, 0, 1]], [[0, 0, 1], [0, 1, 1]]))
    assert (only.estimate, only.ci95, only.p_bh) == (pytest.approx(1 / 3), None, None)


def test_one_seed_is_judged_in_a_part_as_in_the_whole():
    control, treatment = [[0]] * 4 + [[1]] * 4, [[1]] * 3 + [[0]] + [[1]] * 4
    own = pairs(control, treatment, repos=["o/a"] * 4 + ["o/b"] * 4)
    a, b = by_repository(own)
    assert a.ci95 == mcnemar.score_interval(3, 0, 4, 0.95)
    assert b.ci95 == mcnemar.score_interval(0, 0, 4, 0.95)  # no instance differs, and four say little
    assert [a.p_bh, b.p_bh] == pytest.approx(stats.false_discovery_control([1 / 8, 1.0]))
    (whole,) = by_repository(pairs(control, treatment))
    assert whole.ci95 == estimate_difference(differences(own)).ci95


def test_a_repository_counts_once_in_the_repository_mean():
    mean = repository_mean(pairs(CONTROL, TREATMENT, repos=REPOS))
    means = [0.5, -1 / 3, 1.0]
    assert mean.n_repositories == 3
    assert mean.estimate == pytest.approx(np.mean(means))
    direct = stats.ttest_1samp(means, 0)
    assert mean.ci95 == pytest.approx(within_unity(direct.confidence_interval(0.95)))
    assert mean.p == pytest.approx(direct.pvalue)


def test_leaving_a_repository_out_leaves_the_others():
    without = {s.name: s for s in without_each_repository(pairs(CONTROL, TREATMENT, repos=REPOS))}
    rest = DIFFERENCES["o/a"] + DIFFERENCES["o/c"]
    assert without["o/b"].estimate == pytest.approx(np.mean(rest))
    assert without["o/b"].n_instances == 5
    by_t = within_unity(stats.ttest_1samp(rest, 0).confidence_interval(0.95))
    whole = mcnemar.score_interval(
        4, 0, 5, 0.95
    )  # four of the five differ, each less surely than the t test has it
    assert whole[0] < by_t[0]
    assert without["o/b"].ci95 == pytest.approx((whole[0], max(by_t[1], whole[1])), abs=1e-9)
    assert without_each_repository(pairs(CONTROL, TREATMENT)) == []


def test_difficulties_leave_out_instances_without_one_and_are_empty_where_there_is_none():
    levels = ["easy", "easy", "hard", "hard", None, None, None, "easy"]
    easy, hard = by_difficulty(pairs(CONTROL, TREATMENT, difficulties=levels))
    assert (easy.name, easy.n_instances, easy.estimate) == ("easy", 3, pytest.approx(2 / 3))
    assert (hard.name, hard.n_instances, hard.estimate) == ("hard", 2, 0.5)
    assert by_difficulty(pairs(CONTROL, TREATMENT)) == []


def test_an_instance_without_a_pair_is_in_no_part():
    missing = [[np.nan, np.nan], *CONTROL[1:]]
    a, _, _ = by_repository(pairs(missing, TREATMENT, repos=REPOS))
    assert a.n_instances == 3
    nothing = pairs([[np.nan]], [[1]])
    assert (by_repository(nothing), repository_mean(nothing), without_each_repository(nothing)) == (
        [],
        None,
        [],
    )


def test_swapping_the_arms_flips_the_sign_and_keeps_p():
    there = by_repository(pairs(CONTROL, TREATMENT, repos=REPOS))
    back = by_repository(pairs(TREATMENT, CONTROL, repos=REPOS))
    for one, other in zip(there, back, strict=True):
        assert one.estimate == pytest.approx(-other.estimate)
        assert one.p_bh == pytest.approx(other.p_bh)
