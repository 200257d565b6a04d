"""Power and minimum detectable effect of a design, before there are data."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from scipy import optimize, special

from contexttune.analysis.outcomes import Floats

LEVEL, POWER = 0.05, 0.80  # two-sided
_NODES, _EFFECT_NODES = 64, 32
_ICC_MIN = 1e-3  # below it instances are practically equal, and the quadrature nodes lose precision
_SEEDS_MAX, _INSTANCES_MAX = 1_000_000, 10_000_000


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Mean and central moments of an instance's observed difference, seeds averaged."""

    mean: float
    second: float
    third: float
    fourth: float


@dataclass(frozen=True, kw_only=True)
class Design:
    """Two arms on the same instances, compared by the paired t test, or by mid-p McNemar for one seed.

    An instance's probability p of being resolved in the control is Beta distributed with mean `resolve_rate` and
    intraclass correlation `icc`; in the treatment its logit is logit(p) + shift + tau z, with z standard normal.

    Attributes:
        n_instances, n_seeds: per arm.
        resolve_rate, icc: between 0 and 1, exclusive.
        tau: SD of the effect between instances, in logits.
    """

    n_instances: int
    n_seeds: int
    resolve_rate: float
    icc: float
    tau: float

    def __post_init__(self) -> None:
        if not (0 < self.resolve_rate < 1 and 0 < self.icc < 1 and self.tau >= 0 and self.n_seeds > 0):
            raise ValueError(f"invalid design: {self}")

    def mde80(self) -> float | None:
        """Minimum detectable improvement at 80 % power; None if even resolving every instance would not be detected.

        Solves mde = (t_.975 + t_.8) se(mde) (Miller 2024, arXiv:2411.00640) with the correction of `_clearance`.
        benchmarks/power.py compares it with simulated experiments.
        """

        def excess(shift: float) -> float:
            return self._clearance(self._moments(shift)) - _t(POWER, self.n_instances)

        if self.n_instances < 2 or excess(self._shift_max) <= 0:
            return None
        shift = optimize.brentq(excess, self._shift(0.0), self._shift_max)
        return self._moments(shift).mean

    def power(self, effect: float) -> float | None:
        """Probability of detecting an improvement of `effect`; None where the resolve rate leaves no room for it."""
        shift = self._shift(effect)
        if shift is None or self.n_instances < 2:
            return None
        return float(special.stdtr(self.n_instances - 1, self._clearance(self._moments(shift))))

    def seeds_needed(self, effect: float) -> int | None:
        """Seeds on these instances that detect `effect` with 80 % power.

        None where no number does: seeds do not reduce the variance of the effect between instances.
        """
        return _smallest(lambda n: replace(self, n_seeds=n)._detects(effect), 1, _SEEDS_MAX)

    def instances_needed(self, effect: float) -> int | None:
        """Instances with these seeds that detect `effect`; None where the resolve rate leaves no room for it."""
        return _smallest(lambda n: replace(self, n_instances=n)._detects(effect), 2, _INSTANCES_MAX)

    def _detects(self, effect: float) -> bool:
        power = self.power(effect)
        return power is not None and power >= POWER

    def _clearance(self, moments: Moments) -> float:
        """Distance of mean - t_.975 S / sqrt(n) from 0 in its own standard deviations; above 0, p is below .05.

        With several seeds most differences are 0 and a few are large, so that the sample SD S varies with the mean. Its
        expectation and its covariance with the mean, from the third and fourth moments (delta method), matter below
        100 instances. One seed needs no correction: the discrete mid-p test loses about as much as it would gain.
        """
        n = self.n_instances
        critical, variance = _t(1 - LEVEL / 2, n), moments.second
        expected, spread = 1.0, 1.0  # of S, and of the difference, in standard errors
        if self.n_seeds > 1:
            skew = moments.third / variance**1.5
            noise = (moments.fourth / variance**2 - 1) / n  # relative variance of S squared
            expected = 1 / math.sqrt(1 + noise / 4)
            spread = math.sqrt(1 - critical * skew / math.sqrt(n) + critical**2 * noise / 4)
        return (moments.mean / math.sqrt(variance / n) - critical * expected) / spread

    def _moments(self, shift: float) -> Moments:
        """Quadrature: Gauss-Jacobi over the probabilities, Gauss-Hermite over the effects."""
        control, treatment = self._probabilities(shift)
        true = treatment - control
        mean = self._expect(true)
        off = true - mean
        one, other = control * (1 - control), treatment * (1 - treatment)
        # cumulants of the mean of k Bernoulli draws, treatment minus control, given the probabilities
        second = (other + one) / self.n_seeds
        third = (other * (1 - 2 * treatment) - one * (1 - 2 * control)) / self.n_seeds**2
        fourth = (other * (1 - 6 * other) + one * (1 - 6 * one)) / self.n_seeds**3
        return Moments(
            mean=mean,
            second=self._expect(off**2 + second),
            third=self._expect(off**3 + 3 * off * second + third),
            fourth=self._expect(off**4 + 6 * off**2 * second + 4 * off * third + fourth + 3 * second**2),
        )

    def _probabilities(self, shift: float) -> tuple[Floats, Floats]:
        """Probabilities in control and treatment, each of shape (nodes of p, nodes of z)."""
        probabilities, effects = self._nodes[0], self._nodes[2]
        treatment = special.expit(special.logit(probabilities)[:, None] + shift + self.tau * effects)
        return np.broadcast_to(probabilities[:, None], treatment.shape), treatment

    def _expect(self, values: Floats) -> float:
        return float(self._nodes[1] @ values @ self._nodes[3])

    @cached_property
    def _nodes(self) -> tuple[Floats, Floats, Floats, Floats]:
        """(probabilities, their weights, effects in SDs, their weights)."""
        size = 1 / max(self.icc, _ICC_MIN) - 1
        a, b = self.resolve_rate * size, (1 - self.resolve_rate) * size
        with np.errstate(invalid="ignore"):  # for a + b = 1 scipy computes an unused 0 / 0
            places, weights = special.roots_jacobi(_NODES, b - 1, a - 1)
        effects, effect_weights = special.roots_hermitenorm(_EFFECT_NODES)
        return (places + 1) / 2, weights / weights.sum(), effects, effect_weights / effect_weights.sum()

    @property
    def _shift_max(self) -> float:
        return 30.0 + 6 * self.tau  # logits: every instance is resolved

    def _shift(self, effect: float) -> float | None:
        """The shift in logits with mean difference `effect`; None if there is none."""

        def excess(shift: float) -> float:
            control, treatment = self._probabilities(shift)
            return self._expect(treatment - control) - effect

        if excess(self._shift_max) <= 0:
            return None
        return float(optimize.brentq(excess, -self._shift_max, self._shift_max))


def _t(probability: float, n: int) -> float:
    """Quantile of Student's t with n - 1 degrees of freedom."""
    return float(special.stdtrit(n - 1, probability))


def _smallest(is_enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """Bisect for the smallest sufficient number in [low, high]; None if `high` is not sufficient."""
    return bisect_left(range(high), True, lo=low, key=is_enough) if is_enough(high) else None
