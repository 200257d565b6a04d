import pytest

from contexttune.analysis import verdict
from contexttune.analysis.estimate import MCNEMAR, PAIRED_T
from contexttune.analysis.evidence import (
    Contrast,
    Delta,
    Equivalence,
    Estimate,
    Missing,
    RequiredSample,
    Verdict,
)


def estimate(low, high, p=0.01):
    middle = (low + high) / 2
    return Estimate(
        estimate=middle,
        se=0.01,
        ci95=(low, high),
        ci90=(low, high),
        method=PAIRED_T,
        p=p,
        p_exact=None,
        mde80=0.03,
    )


def equivalence(holds):
    return Equivalence(margin=0.05, p=0.01 if holds else 0.6, holds=holds)


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "equivalent", "said"),
    [
        (0.01, 0.09, 0.01, False, Verdict.BETTER),
        (-0.09, -0.01, 0.01, False, Verdict.WORSE),
        (0.01, 0.04, 0.01, True, Verdict.BETTER),  # significant, and within the margin
        (0.01, 0.09, 0.06, False, Verdict.INCONCLUSIVE),  # not after Holm's correction
        (-0.01, 0.09, 0.04, False, Verdict.INCONCLUSIVE),  # the interval holds 0
        (-0.03, 0.03, 0.6, True, Verdict.EQUIVALENT),
        (-0.09, 0.09, 0.6, False, Verdict.INCONCLUSIVE),
    ],
)
def test_the_verdict_needs_the_corrected_p_and_the_interval(low, high, p_holm, equivalent, said):
    assert verdict.decide(estimate(low, high), p_holm, equivalence(equivalent)) is said


def test_no_estimate_is_no_verdict():
    assert verdict.decide(None, None, None) is Verdict.WITHHELD


def lost(**changes):
    known = {
        "control": (1, 50),
        "treatment": (2, 50),
        "p_fisher": 1.0,
        "is_unequal": False,
        "bounds": (-0.02, 0.05),
        "bounds_verdicts": (Verdict.BETTER, Verdict.BETTER),
    }
    return Missing(**(known | changes))


NAMES = ("no_context", "baseline_context")


def test_missing_results_withhold_where_they_are_unequal_or_could_decide():
    assert verdict.missing_reasons(NAMES, lost(), Verdict.BETTER) == []
    (unequal,) = verdict.missing_reasons(NAMES, lost(is_unequal=True), Verdict.BETTER)
    assert "1 of 50 results of no_context and 2 of 50 results of baseline_context" in unequal
    flips = lost(bounds_verdicts=(Verdict.INCONCLUSIVE, Verdict.BETTER))
    (decisive,) = verdict.missing_reasons(NAMES, flips, Verdict.BETTER)
    assert "3.0 % of the results are missing" in decisive
    assert "from -2.0 to +5.0 points" in decisive
    for reason in (unequal, decisive):
        assert "run the same command again" in reason


def test_two_percent_missing_are_not_held_against_the_verdict():
    flips = {"bounds_verdicts": (Verdict.INCONCLUSIVE, Verdict.BETTER), "control": (1, 50)}
    assert verdict.missing_reasons(NAMES, lost(**flips, treatment=(1, 50)), Verdict.BETTER) == []
    assert len(verdict.missing_reasons(NAMES, lost(**flips, treatment=(2, 50)), Verdict.BETTER)) == 1


def test_an_unfinished_arm_is_named_with_its_cells_and_both_remedies():
    unfinished = {"baseline_context": ["seed 1 is running", "seed 2 failed"], "placebo": ["seed 0 failed"]}
    (reason,) = verdict.unfinished_reasons(NAMES, unfinished)
    assert "baseline_context is not finished (seed 1 is running, seed 2 failed)" in reason
    assert "run the same command again" in reason
    assert "analysis.seeds=[...]" in reason
    assert verdict.unfinished_reasons(NAMES, {"no_context": []}) == []


@pytest.mark.parametrize(
    ("n_seeds", "n_instances", "words"),
    [
        (0, 0, "no seed in common"),
        (1, 0, "no instance has a result in both"),
        (1, 1, "single instance"),
        (3, 9, "same"),
    ],
)
def test_too_little_is_said_with_what_would_be_more(n_seeds, n_instances, words):
    (reason,) = verdict.too_few_reasons(n_seeds, n_instances, None)
    assert words in reason
    assert verdict.too_few_reasons(3, 9, estimate(0, 1)) == []


def contrast(
    said, low, high, *, equivalent=False, method=PAIRED_T, p=0.012, reasons=(), settle=None, mde80=0.044
):
    delta = Delta(
        estimate=(low + high) / 2,
        se=0.01,
        ci95=(low, high),
        ci90=(low, high),
        method=method,
        p=p / 2,
        p_holm=p,
        p_exact=None,
        p_permutation=p,
        mde80=mde80,
    )
    return Contrast(
        control="no_context",
        treatment="baseline_context",
        n_instances=500,
        n_seeds=3,
        n_pairs=1500,
        verdict=said,
        sentence="",
        reasons=list(reasons),
        delta=delta,
        gained=[],
        lost=[],
        equivalence=equivalence(equivalent),
        missing=lost(),
        settle=settle,
        repositories=[],
        repository_mean=None,
        without_repository=[],
        difficulties=[],
        costs=[],
        price=None,
    )


SETTLE = RequiredSample(
    effect=0.05,
    n_seeds=6,
    n_instances=1200,
    seeds_usd=1234.5,
    instances_usd=9.0,
    seeds_tokens=5,
    instances_tokens=7,
)


def test_better_says_all_that_it_rests_on():
    said = verdict.sentence(contrast(Verdict.BETTER, 0.011, 0.073), 1)
    assert said.startswith("Better: baseline_context resolves more")
    for fact in (
        *("+4.2 percentage points", "95 % interval from +1.1 to +7.3", "500 instances x 3 seeds"),
        *("p = 0.012, paired t test", "minimum detectable effect 4.4 points"),
    ):
        assert fact in said


def test_a_significant_difference_within_the_margin_is_said_to_be():
    said = verdict.sentence(contrast(Verdict.WORSE, -0.03, -0.01, equivalent=True), 3)
    assert said.startswith(
        "Worse: baseline_context resolves fewer instances than no_context: -2.0 percentage points"
    )
    assert "Holm's correction over 3 contrasts" in said
    assert "within the margin of 5.0 points" in said


def test_equivalent_names_its_margin_and_its_test():
    said = verdict.sentence(contrast(Verdict.EQUIVALENT, -0.02, 0.02, equivalent=True, p=0.9), 1)
    assert said.startswith("Equivalent: baseline_context")
    assert "within the margin of 5.0 points (two one-sided tests, p = 0.010)" in said
    assert "0.0 percentage points (95 % interval from -2.0 to +2.0;" in said


def test_inconclusive_is_never_no_effect():
    said = verdict.sentence(
        contrast(Verdict.INCONCLUSIVE, -0.02, 0.08, method=MCNEMAR, mde80=0.07, settle=SETTLE), 1
    )
    assert said.startswith("Inconclusive for baseline_context against no_context")
    for fact in (
        *("effects from -2.0 to +8.0 percentage points", "estimate +3.0", "500 instances x 3 seeds"),
        *(
            "p = 0.012, mid-p McNemar test",
            "minimum detectable effect 7.0 points",
            "5.0 points with 80 % power",
        ),
        "6 seeds on these instances (about 1,234.50 USD more)",
        "1,200 instances with these seeds (about 9.00 USD more)",
    ):
        assert fact in said


def test_what_would_settle_it_without_seeds_or_a_price():
    from dataclasses import replace

    tokens = replace(SETTLE, n_seeds=None, seeds_usd=None, instances_usd=None, seeds_tokens=None)
    said = verdict.sentence(contrast(Verdict.INCONCLUSIVE, -0.02, 0.08, mde80=0.07, settle=tokens), 1)
    assert said.endswith(
        "takes 1,200 instances with these seeds (about 7 tokens more); more seeds on these instances are not enough."
    )
    unknown = replace(tokens, instances_tokens=None)
    assert "these seeds; more" in verdict.sentence(
        contrast(Verdict.INCONCLUSIVE, -0.02, 0.08, mde80=0.07, settle=unknown), 1
    )
    free = replace(SETTLE, seeds_usd=0.0, instances_usd=0.004, seeds_tokens=1_500)
    said = verdict.sentence(contrast(Verdict.INCONCLUSIVE, -0.02, 0.08, mde80=0.07, settle=free), 1)
    assert "6 seeds on these instances (about 1,500 tokens more), or" in said
    assert "with these seeds (about 0.004 USD more)" in said
    enough = verdict.sentence(contrast(Verdict.INCONCLUSIVE, -0.02, 0.08, mde80=0.04, settle=SETTLE), 1)
    assert "as large as the margin" in enough


def test_withheld_makes_no_claim():
    said = verdict.sentence(
        contrast(Verdict.WITHHELD, -0.09, -0.02, reasons=["one reason", "another"], p=0.0002), 1
    )
    assert said.startswith("Withheld for baseline_context against no_context: one reason; another.")
    assert "without a verdict: -5.5 percentage points (95 % interval from -9.0 to -2.0;" in said
    assert "p < 0.001," in said
    assert "worse" not in said.lower()
    assert "fewer" not in said


def test_a_withheld_contrast_without_a_pair_is_its_reasons():
    from dataclasses import replace

    bare = replace(contrast(Verdict.WITHHELD, 0, 0, reasons=["no pair"]), delta=None, equivalence=None)
    assert verdict.sentence(bare, 1) == "Withheld for baseline_context against no_context: no pair."


def test_an_effect_that_no_difference_is_large_enough_for():
    assert "minimum detectable effect above 100 points" in verdict.sentence(
        contrast(Verdict.INCONCLUSIVE, -1, 1, mde80=14.0), 1
    )
