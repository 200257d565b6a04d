import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from contexttune.analysis.contrasts import contrast_arms, judge
from contexttune.analysis.outcomes import arms, pair
from tests.analysis.arrays import arm, pairs


def judged(control, treatment, margin=0.05, unfinished=None):
    """The one judgement of two arrays."""
    own = {("control", "treatment"): pairs(control, treatment)}
    (found,) = judge(own, margin=margin, unfinished=unfinished or {}).values()
    return found


def outcomes(lots, n, k, effect=0.0, tau=0.7):
    """Two arms (n, k) of instances between impossible and trivial, the treatment's logits shifted by `effect`."""
    rates = lots.beta(0.5, 0.5, n).clip(1e-6, 1 - 1e-6)
    moved = 1 / (1 + np.exp(-(np.log(rates / (1 - rates)) + effect + tau * lots.normal(size=n))))
    return tuple((lots.random((n, k)) < q[:, None]).astype(float) for q in (rates, moved))


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


def test_a_pair_is_made_of_the_seeds_that_both_arms_have():
    control, treatment = outcomes(np.random.default_rng(2), 30, 3)
    short = arm("treatment", treatment[:, :2])
    own = {("control", "treatment"): pair(arm("control", control), short)}
    (found,) = judge(own, margin=0.05, unfinished={}).values()
    assert found == judged(control[:, :2], treatment[:, :2])
