import time

import numpy as np
import pytest
from scipy import stats

from contexttune.analysis.costs import cost_ratios, price
from contexttune.analysis.outcomes import MEASURES
from tests.analysis.arrays import pairs

NAN = np.nan


def drawn(n, k, seed=0):
    """(n, k) control, treatment and cost_usd of both; the treatment resolves and costs more."""
    draw = np.random.default_rng(seed)
    usd = draw.lognormal(0, 0.5, (n, k)), 1.2 * draw.lognormal(0, 0.5, (n, k))
    return draw.random((n, k)) < 0.3, draw.random((n, k)) < 0.6, usd


def test_a_ratio_is_of_means_over_instances_with_scipys_interval():
    control, treatment, usd = drawn(40, 2)
    (ratio,) = cost_ratios(pairs(control, treatment, amounts={"cost_usd": usd}))
    means = usd[1].mean(axis=1), usd[0].mean(axis=1)
    assert (ratio.measure, ratio.n_instances) == ("cost_usd", 40)
    assert (ratio.control, ratio.treatment) == (
        pytest.approx(means[1].mean()),
        pytest.approx(means[0].mean()),
    )
    assert ratio.ratio == pytest.approx(usd[1].mean() / usd[0].mean())
    direct = stats.bootstrap(
        means,
        lambda t, c, axis: t.mean(axis=axis) / c.mean(axis=axis),
        paired=True,
        rng=np.random.default_rng(5),
    )
    assert ratio.ci95 == pytest.approx(tuple(direct.confidence_interval), rel=0.01)


def test_a_pair_that_an_arm_did_not_count_is_left_out_of_both():
    amounts = {"n_calls": ([[1, 3], [5, NAN], [NAN, NAN]], [[2, 6], [NAN, 7], [4, 4]])}
    (ratio,) = cost_ratios(pairs(np.zeros((3, 2)), np.zeros((3, 2)), amounts=amounts))
    assert (ratio.control, ratio.treatment, ratio.ratio, ratio.n_instances) == (2.0, 4.0, 2.0, 1)
    assert ratio.ci95 is None


def test_an_instance_counts_once_however_many_of_its_seeds_were_counted():
    amounts = {"n_calls": ([[1, 1], [4, NAN]], [[2, 2], [8, NAN]])}
    (ratio,) = cost_ratios(pairs(np.zeros((2, 2)), np.zeros((2, 2)), amounts=amounts))
    assert (ratio.control, ratio.treatment) == (2.5, 5.0)


def test_a_measure_that_an_arm_never_counted_is_left_out():
    nothing, something = np.full((3, 1), NAN), np.ones((3, 1))
    found = cost_ratios(
        pairs(np.zeros((3, 1)), np.zeros((3, 1)), amounts={m: (nothing, something) for m in MEASURES})
    )
    assert found == []


@pytest.mark.parametrize(
    ("control", "treatment", "ratio", "ci95"),
    [
        ([1, 1, 1], [1, 1, 1], 1.0, (1.0, 1.0)),
        ([1, 2, 4], [2, 4, 8], 2.0, (2.0, 2.0)),
        ([0, 0, 0], [1, 2, 3], None, None),
        ([5], [10], 2.0, None),
    ],
)
def test_values_without_spread_have_a_degenerate_interval_or_none(control, treatment, ratio, ci95):
    columns = np.array(control)[:, None], np.array(treatment)[:, None]
    zeros = np.zeros((len(control), 1))
    (found,) = cost_ratios(pairs(zeros, zeros, amounts={"n_steps": columns}))
    assert found.ratio == (pytest.approx(ratio) if ratio else None)
    assert found.ci95 == (pytest.approx(ci95) if ci95 else None)


def test_what_neither_arm_took_is_left_out():
    zeros = np.zeros((3, 1))
    assert cost_ratios(pairs(zeros, zeros, amounts={"n_steps": (zeros, zeros)})) == []


def test_a_control_that_mostly_took_nothing_gives_no_infinite_interval():
    control = np.zeros((30, 1))
    control[0] = 1
    (found,) = cost_ratios(pairs(control, control, amounts={"n_steps": (control, np.ones((30, 1)))}))
    assert (found.ratio, found.ci95) == (30.0, None)


def test_swapping_the_arms_inverts_the_ratio():
    control, treatment, usd = drawn(60, 1)
    (there,) = cost_ratios(pairs(control, treatment, amounts={"cost_usd": usd}))
    (back,) = cost_ratios(pairs(treatment, control, amounts={"cost_usd": usd[::-1]}))
    assert back.ratio == pytest.approx(1 / there.ratio)
    assert back.ci95 == pytest.approx((1 / there.ci95[1], 1 / there.ci95[0]), rel=0.01)


def test_the_price_of_a_resolved_instance():
    control = [[1, 0], [0, 0], [1, 1], [0, 0]]
    treatment = [[1, 1], [1, 1], [1, 1], [1, 0]]
    usd = np.full((4, 2), 0.3), np.full((4, 2), 0.5)
    found = price(pairs(control, treatment, amounts={"cost_usd": usd}))
    assert found.control_per_resolved_usd == pytest.approx(8 * 0.3 / 3)
    assert found.treatment_per_resolved_usd == pytest.approx(8 * 0.5 / 7)
    assert found.treatment_ci95[0] == pytest.approx(0.5)  # no resample resolves more than all
    # of differences .5, 1, 0, .5 the t interval is .5 -+ 3.18 x .204: it reaches below 0
    assert (found.per_additional_resolved_usd, found.per_additional_ci95) == (None, None)


def test_an_additional_resolved_instance_has_a_price_where_more_are_resolved():
    control, treatment, usd = drawn(200, 3)
    found = price(pairs(control, treatment, amounts={"cost_usd": usd}))
    expected = (usd[1].mean() - usd[0].mean()) / (treatment.mean() - control.mean())
    assert found.per_additional_resolved_usd == pytest.approx(expected)
    assert found.per_additional_ci95[0] < expected < found.per_additional_ci95[1]
    assert found.control_ci95[0] < found.control_per_resolved_usd < found.control_ci95[1]


def test_an_arm_that_resolves_nothing_has_no_price():
    found = price(pairs(np.zeros((5, 1)), np.ones((5, 1)), amounts={"cost_usd": (np.ones((5, 1)),) * 2}))
    assert (found.control_per_resolved_usd, found.control_ci95) == (None, None)
    assert (found.treatment_per_resolved_usd, found.treatment_ci95) == (1.0, (1.0, 1.0))
    assert (found.per_additional_resolved_usd, found.per_additional_ci95) == (0.0, (0.0, 0.0))


def test_few_resolved_instances_leave_the_price_without_an_upper_end():
    resolved = np.zeros((20, 1))
    resolved[0] = 1
    found = price(pairs(resolved, resolved, amounts={"cost_usd": (np.ones((20, 1)),) * 2}))
    assert (found.control_per_resolved_usd, found.control_ci95) == (20.0, None)


def test_unknown_costs_have_no_price_and_free_ones_no_interval():
    unknown = np.full((3, 1), NAN)
    assert price(pairs(np.zeros((3, 1)), np.ones((3, 1)), amounts={"cost_usd": (unknown, unknown)})) is None
    free = np.zeros((3, 1))
    found = price(pairs(np.ones((3, 1)), np.ones((3, 1)), amounts={"cost_usd": (free, free)}))
    assert (found.control_per_resolved_usd, found.control_ci95) == (0.0, None)


def test_the_same_group_gives_the_same_interval():
    control, treatment, usd = drawn(50, 3)
    again = [cost_ratios(pairs(control, treatment, amounts={"cost_usd": usd})) for _ in range(2)]
    assert again[0] == again[1]


def test_a_full_group_takes_little_time():
    control, treatment, usd = drawn(500, 3)
    group = pairs(control, treatment, amounts=dict.fromkeys(MEASURES, usd))
    started = time.process_time()
    cost_ratios(group)
    price(group)
    assert time.process_time() - started < 2
