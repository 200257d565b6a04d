"""Type I error and coverage of the analysis, from simulated groups.

python -m benchmarks.statistics [--experiments 2000]

An instance's probability of being resolved is Beta distributed with mean 0.5 and an intraclass correlation of 0.5; the
treatment adds a normal effect with mean 0 and SD tau to its logit, so that both arms have an expected rate of 0.5. Seeds
are Bernoulli draws.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit, ndtri
from scipy.stats import binom, t

from contexttune.analysis import mcnemar, verdict
from contexttune.analysis.contrasts import Judgement, judge
from contexttune.analysis.estimate import differences, equivalence, estimate_difference
from contexttune.analysis.evidence import Estimate, Interval, Verdict
from contexttune.analysis.outcomes import Arm, Floats, Pairs, pair
from contexttune.analysis.rates import rate_ci95

REJECTED, COVERED = (0.03, 0.07), (0.93, 0.97)
FALSE_WORSE = 0.035  # half of the rejection limit: one of two sides
MARGIN = 0.05
FALSE_EQUIVALENT, COVERED_AT_LEAST = 0.11, 0.89  # where few instances are discordant or resolved
_SIZES = tuple(itertools.product((50, 500), (1, 3)))  # instances, seeds
_TAUS = (0.0, 0.7)
_BETA = 0.5  # both parameters: mean 0.5, correlation 1 / (1 + 2 * 0.5)
_MARGIN_SIZES, _MARGIN_SEEDS = (50, 100, 500), (2, 3, 5)
_FEW_DISCORDANT = (
    0.05,
    0.2,
)  # Beta parameters with mean 0.2 and ICC 0.8: few discordant instances
_LOW, _LOW_RATE = (0.05, 0.95), 0.05  # an ICC of 0.5
_DRAWN, _LEAST = 400_000, 1e-12
_MISSING = ((0.02, 0.02), (0.02, 0.10))  # missing shares in control and treatment
# probabilities of a gain and a loss: from a tenth discordant, the fewest seen in real runs, to a third
_GAINS_AND_LOSSES = ((0.05, 0.05), (0.13, 0.13), (0.18, 0.18), (0.10, 0.02), (0.17, 0.07), (0.25, 0.05))

Line = tuple[str, bool]  # text, and whether the limit holds


def main() -> None:
    """Print one line per setting, and whether all limits hold."""
    parser = argparse.ArgumentParser(description="type I error and coverage")
    parser.add_argument("--experiments", type=int, default=2000)
    n_experiments = parser.parse_args().experiments
    started = time.perf_counter()
    lines = [partial(without_effect, n, k, tau) for (n, k), tau in itertools.product(_SIZES, _TAUS)]
    lines += [partial(at_the_margin, n, k) for n, k in itertools.product(_MARGIN_SIZES, _MARGIN_SEEDS)]
    lines += [partial(low_rate, n, k) for n, k in itertools.product(_MARGIN_SIZES, _MARGIN_SEEDS)]
    lines += [partial(with_missing, n, k, lost) for (n, k), lost in itertools.product(_SIZES, _MISSING)]
    seeds = np.random.SeedSequence(20251125).spawn(len(lines))
    with ProcessPoolExecutor() as processes:
        pending = [
            processes.submit(line, n_experiments, seed) for line, seed in zip(lines, seeds, strict=True)
        ]
        pending += [
            processes.submit(interval_coverage, n, *chances)
            for n in (50, 500)
            for chances in _GAINS_AND_LOSSES
        ]
        held = []
        for text, holds in (line.result() for line in pending):
            print(f"{text}   {_word(holds)}", flush=True)
            held.append(holds)
    print(
        f"statistics: {sum(held)} of {len(held)} lines hold (rejection {REJECTED}, coverage {COVERED}, false worse up to "
        f"{FALSE_WORSE}), {n_experiments} experiments a line, {time.perf_counter() - started:.0f} s   {_word(all(held))}"
    )


def without_effect(n: int, k: int, tau: float, n_experiments: int, seed: np.random.SeedSequence) -> Line:
    """Rejection, verdicts and coverage without an average effect."""
    lots = np.random.default_rng(seed)
    rejected = claimed = covered = equivalent = 0
    for _ in range(n_experiments):
        values = differences(_pairs(*_arms(lots, n, k, tau)))
        estimate = estimate_difference(values)
        if estimate is None:
            continue
        said = verdict.decide(estimate, estimate.p, equivalence(values, MARGIN))
        rejected += estimate.p < 0.05
        claimed += said in (Verdict.BETTER, Verdict.WORSE)
        equivalent += said is Verdict.EQUIVALENT
        covered += estimate.ci95[0] <= 0 <= estimate.ci95[1]
    p, claim, cover, same = (number / n_experiments for number in (rejected, claimed, covered, equivalent))
    return (
        f"no effect, {n} x {k}, tau {tau}: p < 0.05 in {p:.4f}, better or worse in {claim:.4f}, "
        f"95 % interval covers 0 in {cover:.4f}, equivalent in {same:.4f}"
    ), _within(p, REJECTED) and _within(claim, REJECTED) and _within(cover, COVERED)


def at_the_margin(n: int, k: int, n_experiments: int, seed: np.random.SeedSequence) -> Line:
    """False `equivalent` verdicts and coverage at a true difference of the margin, with few discordant instances."""
    lots = np.random.default_rng(seed)
    shift = _shift_by(MARGIN)
    equivalent = covered = 0
    for _ in range(n_experiments):
        control = lots.beta(*_FEW_DISCORDANT, (n, 1))
        treatment = expit(logit(control) + shift + _TAUS[-1] * lots.normal(size=(n, 1)))
        values = differences(_pairs(_seeds(lots, control, k), _seeds(lots, treatment, k)))
        estimate = estimate_difference(values)
        if estimate is None:
            continue
        equivalent += equivalence(values, MARGIN).holds
        covered += _within(MARGIN, estimate.ci95)
    same, cover = equivalent / n_experiments, covered / n_experiments
    return (
        f"a true difference of the margin, {n} x {k}, few instances differ: equivalent in {same:.4f}, "
        f"95 % interval covers it in {cover:.4f}"
    ), same <= FALSE_EQUIVALENT and cover >= COVERED_AT_LEAST


def low_rate(n: int, k: int, n_experiments: int, seed: np.random.SeedSequence) -> Line:
    """Coverage of the interval of a 5 % rate, compared with Student's."""
    lots = np.random.default_rng(seed)
    covered = by_t = 0
    for _ in range(n_experiments):
        resolved = _seeds(lots, lots.beta(*_LOW, (n, 1)), k)
        covered += _within(_LOW_RATE, rate_ci95(_arm("control", resolved)) or (0.0, 0.0))
        shares = resolved.mean(axis=1)
        half_width = t.ppf(0.975, n - 1) * shares.std(ddof=1) / np.sqrt(n)
        by_t += abs(shares.mean() - _LOW_RATE) <= half_width
    cover, other = covered / n_experiments, by_t / n_experiments
    return (
        f"a rate of {_LOW_RATE:.0%}, {n} x {k}: its interval covers it in {cover:.4f}, Student's in {other:.4f}"
    ), cover >= COVERED_AT_LEAST


def _shift_by(difference: float) -> float:
    """The shift in logits that gives the instances of `at_the_margin` this mean difference."""
    lots = np.random.default_rng(1)
    control = logit(np.clip(lots.beta(*_FEW_DISCORDANT, _DRAWN), _LEAST, 1 - _LEAST))
    effect = _TAUS[-1] * lots.normal(size=_DRAWN)
    return float(
        brentq(lambda shift: np.mean(expit(control + shift + effect) - expit(control)) - difference, 0, 20)
    )


def with_missing(
    n: int, k: int, lost: tuple[float, float], n_experiments: int, seed: np.random.SeedSequence
) -> Line:
    """False `worse` verdicts with results missing at random: as judged, without withholding, and counted as failures."""
    lots = np.random.default_rng(seed)
    worse = by_pairs = as_failures = withheld = 0
    for _ in range(n_experiments):
        complete = _arms(lots, n, k, _TAUS[-1])
        control, treatment = (
            np.where(lots.random((n, k)) < p, np.nan, arm) for p, arm in zip(lost, complete, strict=True)
        )
        judged = _judged(_pairs(control, treatment))
        worse += judged.verdict is Verdict.WORSE
        withheld += judged.verdict is Verdict.WITHHELD
        by_pairs += _is_worse(judged.estimate)
        as_failures += _is_worse(
            estimate_difference(differences(_pairs(np.nan_to_num(control), np.nan_to_num(treatment))))
        )
    said, none, pairwise, failures = (
        number / n_experiments for number in (worse, withheld, by_pairs, as_failures)
    )
    return (
        f"no effect, {n} x {k}, {lost[0]:.0%} / {lost[1]:.0%} missing: worse in {said:.4f}, withheld in {none:.4f}; "
        f"worse by the pairs alone in {pairwise:.4f}, if missing were unresolved in {failures:.4f}"
    ), said <= FALSE_WORSE and pairwise <= FALSE_WORSE


def interval_coverage(n: int, gain: float, loss: float) -> Line:
    """Exact coverage of the interval of one seed, summed over all counts with their probabilities."""
    score = other = 0.0
    for b, c, weight in _counts(n, gain, loss):
        score += weight * _within(gain - loss, mcnemar.score_interval(b, c, n, 0.95))
        other += weight * _within(gain - loss, bonett_price(b, c, n))
    return (
        f"one seed, {n} instances, {gain:.0%} gained and {loss:.0%} lost: the score interval covers the difference in "
        f"{score:.4f}, that of Bonett and Price in {other:.4f}"
    ), _within(score, COVERED)


def _is_worse(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.p < 0.05 and estimate.ci95[1] < 0


def _arms(lots: np.random.Generator, n: int, k: int, tau: float) -> tuple[Floats, Floats]:
    """Control and treatment, each (instances, seeds)."""
    control = lots.beta(_BETA, _BETA, (n, 1))
    treatment = expit(logit(control) + tau * lots.normal(size=(n, 1)))
    return _seeds(lots, control, k), _seeds(lots, treatment, k)


def _seeds(lots: np.random.Generator, chances: Floats, k: int) -> Floats:
    return np.asarray(lots.random((len(chances), k)) < chances, dtype=np.float64)


def _judged(pairs: Pairs) -> Judgement:
    (found,) = judge({("control", "treatment"): pairs}, margin=MARGIN, unfinished={}).values()
    return found


def _pairs(control: Floats, treatment: Floats) -> Pairs:
    return pair(_arm("control", control), _arm("treatment", treatment))


def _arm(name: str, resolved: Floats) -> Arm:
    n, k = resolved.shape
    return Arm(
        name=name,
        instances=range(n),  # type: ignore[arg-type]  # nothing here asks for a name
        seeds=range(k),
        resolved=resolved,
        planned=np.ones((n, k), dtype=bool),
        amounts={},
        repos={},
        difficulties={},
    )


def _counts(n: int, gain: float, loss: float) -> Iterator[tuple[int, int, float]]:
    """(gains, losses, probability), of all but one in a million."""
    for b in range(n + 1):
        gained = binom.pmf(b, n, gain)
        if gained < 1e-8:
            continue
        for c, lost in enumerate(binom.pmf(np.arange(n - b + 1), n - b, loss / (1 - gain))):
            if gained * lost > 1e-9:
                yield b, c, float(gained * lost)


def bonett_price(b: int, c: int, n: int) -> Interval:
    """The 95 % interval that the analysis does not use."""
    middle, half_width = (b - c) / (n + 2), float(ndtri(0.975)) * mcnemar.standard_error(b, c, n)
    return middle - half_width, middle + half_width


def _within(value: float, interval: Interval) -> bool:
    return interval[0] <= value <= interval[1]


def _word(holds: bool) -> str:
    return "holds" if holds else "MISSED"


if __name__ == "__main__":
    main()
