from dataclasses import replace

import numpy as np
import pytest
from scipy import special, stats

from contexttune.analysis.power import Design


def design(n_instances=500, n_seeds=3, resolve_rate=0.5, icc=0.5, tau=0.7):
    return Design(n_instances=n_instances, n_seeds=n_seeds, resolve_rate=resolve_rate, icc=icc, tau=tau)


# points, by simulation in the study before this was written, for 50 x 1, 3, 5 and 500 x 1, 3, 5
STUDY = {
    (0.3, 0.30): (23.1, 13.7, 11.1, 7.0, 4.1, 3.3),
    (0.3, 0.50): (20.0, 11.8, 9.4, 5.9, 3.5, 2.8),
    (0.3, 0.75): (15.0, 8.6, 6.9, 4.2, 2.5, 2.0),
    (0.5, 0.30): (23.8, 14.3, 11.6, 7.4, 4.4, 3.6),
    (0.5, 0.50): (20.2, 12.4, 9.9, 6.3, 3.8, 3.1),
    (0.5, 0.75): (15.7, 9.2, 7.4, 4.5, 2.7, 2.2),
}


@pytest.mark.parametrize(("rate", "icc"), STUDY)
def test_the_smallest_effect_is_that_of_simulations_made_before(rate, icc):
    sizes = [(n, k) for n in (50, 500) for k in (1, 3, 5)]
    planned = [design(n, k, rate, icc).mde80() * 100 for n, k in sizes]
    assert planned == pytest.approx(STUDY[rate, icc], rel=0.06)


@pytest.mark.parametrize(("n", "k", "icc"), [(50, 1, 0.5), (50, 3, 0.75), (120, 2, 0.3)])
def test_four_in_five_simulated_experiments_find_it(n, k, icc):
    plan = design(n, k, 0.4, icc)
    draw = np.random.default_rng(2)
    size = 1 / icc - 1
    chance = draw.beta(0.4 * size, 0.6 * size, (3000, n))
    logit = special.logit(chance) + plan.tau * draw.standard_normal((3000, n))
    shifts = np.linspace(0.2, 2, 19)
    effects = [np.mean(special.expit(logit + s) - chance) for s in shifts]
    shift = np.interp(plan.mde80(), effects, shifts)
    control = draw.binomial(k, chance)
    differences = (draw.binomial(k, special.expit(logit + shift)) - control) / k
    if k == 1:
        gained, lost = (differences > 0).sum(1), (differences < 0).sum(1)
        p = 2 * stats.binom.cdf(np.minimum(gained, lost), gained + lost, 0.5)
        p -= stats.binom.pmf(np.minimum(gained, lost), gained + lost, 0.5)
    else:
        p = stats.ttest_1samp(differences, 0, axis=1).pvalue
    assert np.mean(p < 0.05) == pytest.approx(0.8, abs=0.045)


def test_power_at_the_smallest_effect_is_80_percent():
    for plan in (design(), design(50, 1), design(30, 5, 0.7, 0.8, 0)):
        assert plan.power(plan.mde80()) == pytest.approx(0.8, abs=1e-6)
        assert plan.power(plan.mde80() / 2) < 0.5 < 0.9 < plan.power(1.5 * plan.mde80())


def test_without_a_spread_of_effects_many_instances_obey_the_textbook_formula():
    """All instances alike: the difference of two rates p and q has variance (p(1-p) + q(1-q)) / nk."""
    plan = design(20_000, 2, 0.5, 1e-3, 0)
    effect = plan.mde80()
    within = 0.25 + (0.5 + effect) * (0.5 - effect)
    assert effect == pytest.approx(2.8016 * np.sqrt(within / 40_000), rel=2e-3)


def test_moments_are_those_of_draws():
    plan = design(n_seeds=3, resolve_rate=0.3, icc=0.4)
    draw = np.random.default_rng(3)
    chance = draw.beta(0.45, 1.05, 1_000_000)
    treated = special.expit(special.logit(chance) + 0.8 + 0.7 * draw.standard_normal(chance.shape))
    differences = (draw.binomial(3, treated) - draw.binomial(3, chance)) / 3
    moments = plan._moments(0.8)
    assert moments.mean == pytest.approx(differences.mean(), abs=2e-3)
    for order, moment in ((2, moments.second), (3, moments.third), (4, moments.fourth)):
        assert moment == pytest.approx(np.mean((differences - differences.mean()) ** order), rel=0.02)


@pytest.mark.parametrize(
    ("plan", "effect", "seeds"),
    [
        (design(), 0.10, 1),
        (design(), 0.05, 2),
        (design(), 0.03, 6),
        (design(), 0.01, None),
        (design(50), 0.03, None),
        (design(tau=0), 0.03, 5),
        (design(tau=0), 0.02, 10),
    ],
)
def test_seeds_needed_are_the_studys_and_none_below_the_floor(plan, effect, seeds):
    assert plan.seeds_needed(effect) == seeds


@pytest.mark.parametrize("effect", [0.05, 0.1])
def test_what_is_needed_is_enough_and_one_less_is_not(effect):
    plan = design(50, 3)
    n = plan.instances_needed(effect)
    assert replace(plan, n_instances=n).mde80() <= effect < replace(plan, n_instances=n - 1).mde80()
    k = design(300).seeds_needed(effect)
    assert design(300, k).mde80() <= effect
    assert k == 1 or design(300, k - 1).mde80() > effect


def test_more_instances_or_seeds_see_more():
    by_instances = [design(n).mde80() for n in (20, 50, 200, 1000)]
    by_seeds = [design(100, k).mde80() for k in (1, 2, 3, 10)]
    assert by_instances == sorted(by_instances, reverse=True)
    assert by_seeds == sorted(by_seeds, reverse=True)


def test_an_effect_that_the_rate_leaves_no_room_for_is_never_seen():
    plan = design(resolve_rate=0.97)
    assert (plan.power(0.05), plan.seeds_needed(0.05), plan.instances_needed(0.05)) == (None, None, None)
    assert design(n_instances=6, n_seeds=1).mde80() is None
    assert design(n_instances=1).mde80() is None


@pytest.mark.parametrize("wrong", [{"icc": 0}, {"icc": 1}, {"resolve_rate": 0}, {"n_seeds": 0}, {"tau": -1}])
def test_impossible_designs_are_refused(wrong):
    with pytest.raises(ValueError, match="invalid design"):
        design(**wrong)
