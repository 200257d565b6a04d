import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar

from contexttune.analysis import mcnemar


@pytest.mark.parametrize(("b", "c"), [(9, 2), (3, 8), (5, 5), (20, 7), (0, 6)])
def test_the_exact_p_is_that_of_statsmodels_and_mid_p_leaves_out_the_observed_counts(b, c):
    exact = min(1.0, reference_mcnemar([[10, b], [c, 10]], exact=True).pvalue)
    assert mcnemar.mcnemar_exact(b, c) == pytest.approx(exact)
    assert mcnemar.mcnemar_midp(b, c) == pytest.approx(
        2 * stats.binom.cdf(min(b, c), b + c, 0.5) - stats.binom.pmf(b, b + c, 0.5)
    )


def test_mid_p_by_hand():
    # 2 (1 + 11 + 55) / 2048 for the exact one; less 55 / 2048
    assert mcnemar.mcnemar_exact(9, 2) == pytest.approx(134 / 2048)
    assert mcnemar.mcnemar_midp(9, 2) == pytest.approx(79 / 2048)
    assert mcnemar.mcnemar_midp(5, 5) == 1.0


def test_without_a_discordant_instance_nothing_is_rejected_and_the_interval_is_not_empty():
    assert (mcnemar.mcnemar_midp(0, 0), mcnemar.mcnemar_exact(0, 0)) == (1.0, 1.0)
    z2 = stats.norm.ppf(0.975) ** 2
    assert mcnemar.score_interval(0, 0, 50, 0.95) == pytest.approx(
        (-z2 / (50 + z2), z2 / (50 + z2))
    )  # by hand
    assert mcnemar.standard_error(0, 0, 50) == pytest.approx(math.sqrt(2 / 52) / math.sqrt(52))


def test_published_numbers():
    """One gain and seven losses of 21, the example of Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33:2850."""
    assert mcnemar.score_interval(1, 7, 21, 0.95) == pytest.approx((-0.517, -0.026), abs=5e-4)
    assert mcnemar.mcnemar_exact(1, 7) == pytest.approx(0.070, abs=5e-4)
    assert mcnemar.mcnemar_midp(1, 7) == pytest.approx(0.039, abs=5e-4)


@pytest.mark.parametrize(("b", "c", "n"), [(12, 2, 50), (0, 3, 20), (7, 7, 14), (1, 0, 2), (40, 60, 500)])
def test_the_ends_of_the_interval_are_where_the_likelihood_says_so(b, c, n):
    """The nuisance parameter found by a search, not by its formula."""
    from scipy.optimize import minimize_scalar

    low, high = mcnemar.score_interval(b, c, n, 0.95)
    for end, z in ((low, 1.959964), (high, -1.959964)):
        floor, ceiling = max(0.0, -end), (1 - end) / 2

        def unlikely(q, end=end):
            parts = ((b, q + end), (c, q), (n - b - c, 1 - 2 * q - end))
            return -sum(count * math.log(max(p, 1e-300)) for count, p in parts if count)

        q = minimize_scalar(unlikely, bounds=(floor, ceiling), method="bounded", options={"xatol": 1e-12}).x
        found = (b - c - n * end) / math.sqrt(n * (2 * q + end * (1 - end)))
        assert found == pytest.approx(z, abs=2e-3)


COUNTS = st.integers(1, 80).flatmap(
    lambda n: st.integers(0, n).flatmap(lambda b: st.tuples(st.just(b), st.integers(0, n - b), st.just(n)))
)


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.sampled_from([0.02, 0.05, 0.2, 0.999]))
def test_swapping_gains_and_losses_flips_the_interval_and_keeps_every_p(counts, margin):
    b, c, n = counts
    low, high = mcnemar.score_interval(b, c, n, 0.95)
    assert mcnemar.score_interval(c, b, n, 0.95) == (-high, -low)
    assert -1 <= low <= (b - c) / n <= high <= 1
    assert mcnemar.mcnemar_midp(b, c) == mcnemar.mcnemar_midp(c, b)
    assert 0 <= mcnemar.mcnemar_midp(b, c) <= mcnemar.mcnemar_exact(b, c) <= 1
    assert mcnemar.equivalence_p(b, c, n, margin) == pytest.approx(mcnemar.equivalence_p(c, b, n, margin))


@settings(max_examples=60, deadline=None)
@given(COUNTS, st.sampled_from([0.02, 0.05, 0.2, 0.999]))
def test_equivalence_holds_where_the_90_percent_interval_is_within_the_margin(counts, margin):
    low, high = mcnemar.score_interval(*counts, 0.90)
    assert (mcnemar.equivalence_p(*counts, margin) < 0.05) == (-margin < low and high < margin)


def test_the_standard_error_by_hand():
    # 13 gains and 3 losses of 52: sqrt((16 / 52 - (10 / 52)^2) / 52)
    assert mcnemar.standard_error(12, 2, 50) == pytest.approx(math.sqrt((16 / 52 - 100 / 2704) / 52))
