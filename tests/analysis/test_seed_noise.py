from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contexttune.analysis.seed_noise import repeats
from tests.analysis.arrays import arm

OUTCOMES = st.integers(1, 5).flatmap(
    lambda k: st.lists(st.lists(st.integers(0, 1), min_size=k, max_size=k), min_size=1, max_size=6)
)


@settings(max_examples=60, deadline=None)
@given(OUTCOMES)
def test_the_chances_of_k_tries_are_the_means_over_all_subsets_of_k_seeds(outcomes):
    found = repeats(arm("a", outcomes))
    n_seeds = len(outcomes[0])
    assert list(found.pass_at_k) == list(found.pass_hat_k) == [str(k) for k in range(1, n_seeds + 1)]
    for k in range(1, n_seeds + 1):
        subsets = [chosen for row in outcomes for chosen in combinations(row, k)]
        assert found.pass_at_k[str(k)] == pytest.approx(np.mean([any(s) for s in subsets]))
        assert found.pass_hat_k[str(k)] == pytest.approx(np.mean([all(s) for s in subsets]))


@settings(max_examples=60, deadline=None)
@given(OUTCOMES)
def test_the_noise_floor_is_the_share_of_pairs_of_seeds_that_differ(outcomes):
    found = repeats(arm("a", outcomes))
    seeds = list(zip(*outcomes, strict=True))
    if len(seeds) == 1:
        assert (found.discordant, found.run_sd, found.icc) == (None, None, None)
        return
    differ = [x != y for one, other in combinations(seeds, 2) for x, y in zip(one, other, strict=True)]
    assert found.discordant == pytest.approx(np.mean(differ))
    assert found.run_sd == pytest.approx(np.std([np.mean(seed) for seed in seeds], ddof=1))


def test_icc_of_a_published_example():
    """Shrout and Fleiss (1979), table 2: six targets, four judges; their ICC(1,1) is .17."""
    from contexttune.analysis.seed_noise import icc

    ratings = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert icc(np.array(ratings, dtype=float)) == pytest.approx(0.166, abs=5e-4)


def test_icc_is_the_correlation_of_two_seeds():
    draw = np.random.default_rng(1)
    chance = draw.beta(0.5, 0.5, 20_000)  # an ICC of 1 / (0.5 + 0.5 + 1)
    outcomes = draw.random((20_000, 3)) < chance[:, None]
    assert repeats(arm("a", outcomes)).icc == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(("outcomes", "expected"), [([[1, 1], [0, 0]], 1.0), ([[1, 0], [0, 1]], -1.0)])
def test_icc_of_seeds_that_always_or_never_agree(outcomes, expected):
    assert repeats(arm("a", outcomes)).icc == pytest.approx(expected)


def test_an_instance_that_a_seed_did_not_measure_is_left_out():
    found = repeats(arm("a", [[1, 0], [np.nan, 1], [0, 0]]))
    assert (found.n_seeds, found.n_instances) == (2, 2)
    assert found.pass_at_k == {"1": 0.25, "2": 0.5}


def test_nothing_measured_says_nothing():
    found = repeats(arm("a", [[np.nan, 1], [0, np.nan]]))
    assert (found.n_instances, found.icc, found.run_sd, found.discordant) == (0, None, None, None)
    assert (found.pass_at_k, found.pass_hat_k) == ({}, {})
    assert repeats(arm("a", [[1, 1], [1, 1]])).icc is None  # all the same: no spread to share out
