import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from contexttune.analysis.contrasts import Family, contrast_arms
from contexttune.analysis.evidence import Verdict
from tests.analysis.arrays import arm, contrast, judged, outcomes

NAN = float("nan")


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
