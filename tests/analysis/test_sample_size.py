import math

import numpy as np
import pytest
from scipy import stats

from contexttune.analysis.estimate import differences, estimate_difference, mde80, mde_in_se
from contexttune.analysis.sample_size import (
    MAX_SEEDS,
    Components,
    components,
    instances_needed,
    required_sample,
    seeds_needed,
)
from tests.analysis.arrays import pairs


def drawn(n, k, seed=0, **amounts):
    lots = np.random.default_rng(seed)
    rates = lots.beta(0.5, 0.5, (n, 1))
    control, treatment = (lots.random((n, k)) < rates for _ in "ab")
    both = {m: (np.full((n, k), left), np.full((n, k), right)) for m, (left, right) in amounts.items()}
    return pairs(control, treatment, amounts=both)


def test_the_minimum_detectable_effect_is_in_quantiles_of_t():
    # tables of t(49): 2.0096 at 97.5 %, .8490 at 80 %
    assert mde80(0.05, 50) == pytest.approx(0.05 * (2.0096 + 0.8490), abs=1e-5)
    assert mde_in_se(100_000) == pytest.approx(2.8016, abs=1e-3)


def test_components_by_hand():
    own = pairs([[0, 1], [1, 1], [0, 0]] * 4, [[1, 1], [0, 1], [0, 0]] * 4)
    found = components(own, estimate_difference(differences(own)))
    # four times 1/2, -1/2, 0: variance 2/11; seed variances of the arms (1/2, 0, 0) and (0, 1/2, 0): 1/6 each
    assert found.total == pytest.approx(2 / 11)
    assert found.seeds == pytest.approx(1 / 3)
    assert found.effect == pytest.approx(2 / 11 - 1 / 6)


def test_one_seed_is_taken_to_correlate_by_a_half_with_the_next():
    own = pairs([[0], [1], [0], [0]], [[1], [1], [0], [1]])
    found = components(own, estimate_difference(differences(own)))
    # rates 1/4 and 3/4: half of 3/16, twice; two gains of four, with one more of each: 3/6 + 1/6 - 1/9, times 4 / 6
    assert found.seeds == pytest.approx(3 / 16)
    assert found.total == pytest.approx((3 / 6 + 1 / 6 - 1 / 9) * 4 / 6)


def test_the_effect_that_varies_between_instances_is_never_below_zero():
    own = pairs([[0, 1], [1, 0], [1, 0], [1, 0]], [[1, 0], [0, 1], [1, 1], [1, 0]])
    assert components(own, estimate_difference(differences(own))).effect == 0.0


def test_the_fewest_seeds_that_see_the_margin():
    found = Components(total=0.2, seeds=0.25, effect=0.0091)
    n, margin = 500, 0.03
    seeds = seeds_needed(found, n, margin)
    seen = [mde80(math.sqrt((found.effect + found.seeds / k) / n), n) <= margin for k in (seeds - 1, seeds)]
    assert seen == [False, True]
    # where B4 of the study says that seeds alone never see one point
    assert seeds_needed(found, n, 0.01) is None
    assert seeds_needed(Components(total=0.2, seeds=100.0, effect=0.0), n, margin) is None
    assert seeds_needed(Components(total=0.2, seeds=0.0, effect=0.0), n, margin) == 1
    assert MAX_SEEDS == 100


@pytest.mark.parametrize(("variance", "margin"), [(0.25, 0.05), (0.02, 0.3), (1.0, 0.999), (0.25, 0.001)])
def test_the_fewest_instances_that_see_the_margin(variance, margin):
    n = instances_needed(variance, margin)
    assert mde80(math.sqrt(variance / n), n) <= margin
    assert n == 2 or mde80(math.sqrt(variance / (n - 1)), n - 1) > margin


def test_the_price_is_that_of_the_additional_attempts_of_both_arms():
    own = drawn(60, 2, cost_usd=(0.5, 0.7), prompt_tokens=(100, 150), completion_tokens=(10, 20))
    found = required_sample(own, estimate_difference(differences(own)), 0.1)
    assert found.n_seeds > 2
    assert found.seeds_usd == pytest.approx((found.n_seeds - 2) * 60 * 1.2)
    assert found.instances_usd == pytest.approx((found.n_instances - 60) * 2 * 1.2)
    assert found.seeds_tokens == (found.n_seeds - 2) * 60 * 280
    assert found.instances_tokens == (found.n_instances - 60) * 2 * 280


def test_what_was_never_counted_has_no_price():
    own = drawn(60, 2, prompt_tokens=(100, 150))
    found = required_sample(own, estimate_difference(differences(own)), 0.1)
    assert (found.seeds_usd, found.instances_usd, found.seeds_tokens) == (None, None, None)


def test_a_design_that_sees_the_margin_needs_nothing_more():
    own = drawn(400, 3, cost_usd=(1, 1))
    found = required_sample(own, estimate_difference(differences(own)), 0.2)
    assert (found.n_seeds, found.n_instances, found.seeds_usd, found.instances_usd) == (3, 400, 0.0, 0.0)


def test_more_seeds_narrow_the_error_as_predicted():
    """Two seeds predict the error of 20 within a tenth, over many instances."""
    few, many = drawn(4000, 2, seed=1), drawn(4000, 20, seed=1)
    found = components(few, estimate_difference(differences(few)))
    predicted = math.sqrt((found.effect + found.seeds / 20) / 4000)
    assert predicted == pytest.approx(stats.sem(differences(many)), rel=0.1)
