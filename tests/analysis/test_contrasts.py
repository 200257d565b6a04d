import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests

from contexttune.analysis.contrasts import Family, contrast_arms, judge
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
from contexttune.analysis.outcomes import arms, pair
from tests.analysis.arrays import arm, pairs

NAN = float("nan")
FLIPPED = {Verdict.BETTER: Verdict.WORSE, Verdict.WORSE: Verdict.BETTER}


def judged(control, treatment, margin=0.05, unfinished=None):
    """The one judgement of two arrays."""
    own = {("control", "treatment"): pairs(control, treatment)}
    (found,) = judge(own, margin=margin, unfinished=unfinished or {}).values()
    return found


def contrast(control, treatment, margin=0.05):
    both = {"control": arm("control", control), "treatment": arm("treatment", treatment)}
    (found,) = contrast_arms(both, control="control", margin=margin, unfinished={})
    return found


def outcomes(lots, n, k, effect=0.0, tau=0.7):
    """Two arms (n, k) of instances between impossible and trivial, the treatment's logits shifted by `effect`."""
    rates = lots.beta(0.5, 0.5, n).clip(1e-6, 1 - 1e-6)
    moved = 1 / (1 + np.exp(-(np.log(rates / (1 - rates)) + effect + tau * lots.normal(size=n))))
    return tuple((lots.random((n, k)) < q[:, None]).astype(float) for q in (rates, moved))


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


def test_few_instances_that_differ_tell_no_more_than_whole_gains_and_losses():
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


def test_discordant_instances_are_listed_the_largest_difference_first():
    found = contrast([[0, 0], [0, 0], [1, 1], [1, 0]], [[0, 1], [1, 1], [0, 1], [0, 1]])
    assert [(one.instance_id, one.control, one.treatment) for one in found.gained] == [
        ("i001", 0.0, 1.0),
        ("i000", 0.0, 0.5),
    ]
    assert [(one.instance_id, one.repo) for one in found.lost] == [("i002", "o/r")]


def test_holm_is_over_the_treatments_and_their_verdicts_follow_it():
    lots = np.random.default_rng(0)
    control, strong = outcomes(lots, 60, 3, effect=1.0)
    group = {"control": arm("control", control), "strong": arm("strong", strong)}
    for number, effect in enumerate((0.5, 0.0, -0.6)):
        group[f"t{number}"] = arm(
            f"t{number}", (lots.random((60, 3)) < (control.mean(1) + effect / 4)[:, None]) * 1.0
        )
    found = contrast_arms(group, control="control", margin=0.05, unfinished={})
    _, corrected, _, _ = multipletests([one.delta.p for one in found], method="holm")
    assert [one.treatment for one in found] == ["strong", "t0", "t1", "t2"]
    assert [one.delta.p_holm for one in found] == pytest.approx(list(corrected))
    assert all("Holm's correction over 4 contrasts" in one.sentence for one in found)
    alone = contrast_arms(
        {name: group[name] for name in ("control", "t0")}, control="control", margin=0.05, unfinished={}
    )
    assert alone[0].delta.p == found[1].delta.p < found[1].delta.p_holm


def test_a_bound_is_corrected_with_the_p_values_that_the_other_treatments_have():
    family = Family(p_values={("n", "a"): 0.03, ("n", "b"): 0.04}, margin=0.05)
    assert (family.holm(("n", "a"), 0.03), family.holm(("n", "b"), 0.04)) == pytest.approx(
        (0.06, 0.06)
    )  # by hand
    assert (family.holm(("n", "a"), 0.001), family.holm(("n", "b"), 0.2)) == pytest.approx((0.002, 0.2))
    eight_gains = np.array([1.0] * 8 + [0.0] * 42)  # mid-p 1 / 256
    assert family.decide(("n", "b"), eight_gains) is Verdict.BETTER
    weaker = np.array([1.0] * 6 + [0.0] * 44)  # mid-p 1 / 64, doubled
    assert family.decide(("n", "b"), weaker) is Verdict.BETTER
    crowd = Family(
        p_values={("n", "a"): 0.03, ("n", "b"): 0.04, ("n", "c"): 0.5, ("n", "d"): 0.5}, margin=0.05
    )
    assert crowd.decide(("n", "b"), weaker) is Verdict.INCONCLUSIVE


def test_a_group_without_its_control_has_no_contrast():
    assert contrast_arms({"a": arm("a", [[1]])}, control="no_context", margin=0.05, unfinished={}) == []


def test_an_unfinished_arm_withholds_its_own_contrasts():
    control, treatment = outcomes(np.random.default_rng(1), 80, 1, effect=3.0)
    group = {name: arm(name, values) for name, values in (("c", control), ("t", treatment), ("u", treatment))}
    finished, stopped = contrast_arms(
        group, control="c", margin=0.05, unfinished={"u": ["seed 1 is running"]}
    )
    assert (finished.verdict, stopped.verdict) == (Verdict.BETTER, Verdict.WITHHELD)
    assert "seed 1 is running" in stopped.sentence
    assert "Better" not in stopped.sentence
    both = contrast_arms(group, control="c", margin=0.05, unfinished={"c": ["seed 1 failed"]})
    assert {one.verdict for one in both} == {Verdict.WITHHELD}


@pytest.mark.parametrize(("n", "k"), [(50, 1), (50, 3), (500, 1), (500, 3)])
@pytest.mark.parametrize("failed", ["control", "treatment"])
def test_an_outage_of_a_tenth_of_one_arm_is_withheld_and_not_worse(n, k, failed):
    lots = np.random.default_rng(n + k)
    group = dict(zip(("control", "treatment"), outcomes(lots, n, k, effect=-1.5), strict=True))
    group[failed].flat[lots.choice(n * k, n * k // 10, replace=False)] = NAN
    found = contrast(**group)
    assert found.verdict is Verdict.WITHHELD
    assert found.missing.is_unequal
    assert "worse" not in found.sentence.lower()


def test_bounds_are_judged_by_the_same_methods():
    """Equal outages of 5 % in both arms, which could have hidden either answer."""
    control, treatment = np.zeros((200, 1)), np.zeros((200, 1))
    treatment[:8], treatment[100:110], control[110:120] = 1.0, NAN, NAN
    found = judged(control, treatment)
    without, favoured = np.zeros(200), np.zeros(200)
    without[:8], without[110:120] = 1.0, -1.0
    favoured[:8], favoured[100:110] = 1.0, 1.0
    assert found.missing.bounds == (pytest.approx(-2 / 200), pytest.approx(18 / 200))
    assert [stats.binomtest(8, 18).pvalue < 0.05, stats.binomtest(18, 18).pvalue < 0.05] == [False, True]
    assert found.missing.bounds_verdicts == (Verdict.EQUIVALENT, Verdict.BETTER)
    assert not found.missing.is_unequal
    assert found.verdict is Verdict.WITHHELD
    assert "5.0 % of the results are missing" in found.reasons[0]


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


ROW = st.tuples(st.sampled_from(["resolved", "unresolved", "infra_error"]), st.integers(1, 3))


@settings(max_examples=15, deadline=None)
@given(st.lists(ROW, min_size=24, max_size=24), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(values, lots):
    rows = [
        {
            "condition": ("control", "treatment")[number % 2],
            "seed": number // 2 % 3,
            "instance_id": f"i{number // 6}",
            "repo": f"o/{number // 12}",
            "outcome": outcome,
            "cost_usd": usd,
        }
        for number, (outcome, usd) in enumerate(values)
    ]
    shuffled = lots.sample(rows, len(rows))
    found = [
        contrast_arms(arms(some, ["control", "treatment"]), control="control", margin=0.05, unfinished={})
        for some in (rows, shuffled)
    ]
    assert found[0] == found[1]


def numbers(value):
    if isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from numbers(part)
    elif isinstance(value, float):
        yield value


MANY = np.arange(40).reshape(20, 2) % 2 * 1.0
DEGENERATE = {
    "no seed": (np.zeros((3, 0)), np.zeros((3, 0))),
    "no instance": (np.zeros((0, 2)), np.zeros((0, 2))),
    "nothing measured": (np.full((3, 2), NAN), np.full((3, 2), NAN)),
    "one arm all missing": (MANY, np.full((20, 2), NAN)),
    "one instance": ([[0, 1]], [[1, 1]]),
    "all the same fraction": ([[0, 0], [0, 1]], [[0, 1], [1, 1]]),
    "all unresolved": (np.zeros((20, 2)), np.zeros((20, 2))),
    "all gained": (np.zeros((20, 2)), np.ones((20, 2))),
    "all lost of two": ([[1], [1]], [[0], [0]]),
    "two of any kind": ([[0, 0], [1, 1]], [[0, 1], [0, 1]]),
    "one pair left": ([[0, NAN], [NAN, NAN]], [[1, NAN], [1, 0]]),
    "the same": (MANY, MANY),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("margin", [1e-9, 0.05, 1 - 1e-9])
@pytest.mark.parametrize("case", DEGENERATE)
def test_whatever_is_measured_gives_finite_numbers_and_a_sentence(case, margin):
    found = contrast(*DEGENERATE[case], margin=margin)
    assert all(math.isfinite(number) for number in numbers(asdict(found)))
    json.dumps(asdict(found), allow_nan=False)
    assert found.sentence.endswith(".")
    assert (found.verdict is Verdict.WITHHELD) == bool(found.reasons)
    if found.delta is None:
        assert found.verdict is Verdict.WITHHELD
        assert (found.settle, found.equivalence) == (None, None)


def test_a_pair_is_made_of_the_seeds_that_both_arms_have():
    control, treatment = outcomes(np.random.default_rng(2), 30, 3)
    short = arm("treatment", treatment[:, :2])
    own = {("control", "treatment"): pair(arm("control", control), short)}
    (found,) = judge(own, margin=0.05, unfinished={}).values()
    assert found == judged(control[:, :2], treatment[:, :2])
