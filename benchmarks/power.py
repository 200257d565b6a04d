"""Minimum detectable effects of `task=plan` compared with simulated experiments.

python -m benchmarks.power [--experiments 4000]

For each setting (instances, seeds, resolve rate, ICC), experiments with true effects near the planned MDE are drawn from
the plan's model and tested as a group is: one seed by mid-p McNemar, more by the paired t test. The simulated MDE is the
effect that 80 % of them detect, by interpolation.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from contexttune.analysis.mcnemar import mcnemar_midp
from contexttune.analysis.power import LEVEL, POWER, Design

GOAL = 0.10  # relative
TAU = 0.7
_NEARBY = (0.8, 0.9, 1.0, 1.1, 1.2)  # simulated effects, relative to the planned MDE
_INSTANCES_AT_ONCE = 400_000

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]


def main() -> None:
    """Print one line per setting and a summary."""
    parser = argparse.ArgumentParser(description="planned against simulated minimum detectable effects")
    parser.add_argument("--experiments", type=int, default=4000)
    args = parser.parse_args()
    started, off = time.perf_counter(), []
    for design in designs():
        planned = design.mde80()
        assert planned is not None
        simulated = simulated_mde80(design, planned, args.experiments)
        off.append(planned / simulated - 1)
        print(
            f"{design.n_instances:3} instances x {design.n_seeds}, rate {design.resolve_rate}, ICC {design.icc:.2f}: "
            f"planned {100 * planned:5.2f} points, simulated {100 * simulated:5.2f}, {off[-1]:+6.1%}   {verdict(off[-1])}",
            flush=True,
        )
    worst = max(off, key=abs)
    print(
        f"minimum detectable effect, {len(off)} settings of {args.experiments} experiments each: off by {worst:+.1%} at "
        f"worst, limit {GOAL:.0%}, in {time.perf_counter() - started:.0f} s   {verdict(worst)}"
    )


def verdict(off: float) -> str:
    return "holds" if abs(off) <= GOAL else "MISSED"


def designs() -> Iterator[Design]:
    """The simulated settings."""
    for n, k, rate, icc in product((50, 500), (1, 3, 5), (0.3, 0.5), (0.30, 0.50, 0.75)):
        yield Design(n_instances=n, n_seeds=k, resolve_rate=rate, icc=icc, tau=TAU)


def simulated_mde80(design: Design, near: float, n_experiments: int) -> float:
    """Probit regression through the powers of nearby effects."""
    draw = np.random.default_rng(0)
    n = design.n_instances
    at_once = max(1, _INSTANCES_AT_ONCE // n)
    sizes = [min(at_once, n_experiments - done) for done in range(0, n_experiments, at_once)]
    effects = np.array(_NEARBY) * near
    shifts = [shift_of(design, effect) for effect in effects]
    found = np.sum([n_detected(design, shifts, size, draw) for size in sizes], axis=0) / n_experiments
    slope, start = np.polyfit(special.ndtri(found), effects, 1)
    return float(start + slope * special.ndtri(POWER))


def shift_of(design: Design, effect: float) -> float:
    """The shift in logits with mean difference `effect`, from a fixed sample instead of the plan's quadrature."""
    chance, effects = draw_instances(design, 400_000, np.random.default_rng(1))
    logit = special.logit(chance) + effects

    def excess(shift: float) -> float:
        return float(np.mean(special.expit(logit + shift) - chance)) - effect

    return float(optimize.brentq(excess, -10, 10, xtol=1e-5))


def draw_instances(
    design: Design, shape: int | tuple[int, int], draw: np.random.Generator
) -> tuple[Floats, Floats]:
    """(probabilities in the control, deviations of the effect in logits)."""
    size = 1 / design.icc - 1
    chance = draw.beta(design.resolve_rate * size, (1 - design.resolve_rate) * size, shape)
    return chance, design.tau * draw.standard_normal(shape)


def n_detected(
    design: Design, shifts: list[float], n_experiments: int, draw: np.random.Generator
) -> list[int]:
    """Number of experiments that detect each shift; all shifts share their draws, for a smooth power curve."""
    shape = n_experiments, design.n_instances
    chance, effects = draw_instances(design, shape, draw)
    logit = special.logit(chance) + effects
    control = sum((draw.random(shape) < chance).astype(np.int8) for _ in range(design.n_seeds))
    lots = [draw.random(shape, dtype=np.float32) for _ in range(design.n_seeds)]
    is_found = mid_p_mcnemar if design.n_seeds == 1 else paired_t
    found = []
    for shift in shifts:
        chance = special.expit(logit + shift)
        treatment = sum((lot < chance).astype(np.int8) for lot in lots)
        found.append(int(np.count_nonzero(is_found(np.asarray(treatment - control)))))
    return found


def paired_t(differences: npt.NDArray[np.int8]) -> Booleans:
    """Whether each experiment is significant: (experiments, instances) -> (experiments,)."""
    n = differences.shape[1]
    mean, sd = differences.mean(axis=1), differences.std(axis=1, ddof=1)
    statistic = np.divide(mean, sd / np.sqrt(n), out=np.zeros_like(mean), where=sd > 0)
    return np.asarray(np.abs(statistic) > stats.t.ppf(1 - LEVEL / 2, n - 1))


def mid_p_mcnemar(differences: npt.NDArray[np.int8]) -> Booleans:
    """(experiments, instances) -> (experiments,)."""
    counts = np.stack([(differences > 0).sum(axis=1), (differences < 0).sum(axis=1)])
    pairs, which = np.unique(counts, axis=1, return_inverse=True)
    return np.array([mcnemar_midp(int(b), int(c)) < LEVEL for b, c in pairs.T])[which]


if __name__ == "__main__":
    main()
