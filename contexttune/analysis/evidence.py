"""Dataclasses of the evidence, as published in summary.json (docs/summary.schema.json).

Shares and differences of shares are fractions: 0.05 is five percentage points. An interval is [low, high]. A number that
the data do not support is null.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Interval = tuple[float, float]


class Verdict(StrEnum):
    """The conclusion of a contrast; `withheld` where missing data or unfinished runs allow none."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    WITHHELD = "withheld"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Paired difference, treatment minus control: the mean over instances of the difference in resolved share.

    Attributes:
        estimate: the mean difference, seeds averaged within instances.
        se: its standard error. With one seed, or fewer than eight discordant instances, at least that of Bonett and Price,
            which is never 0.
        ci95, ci90: two-sided intervals by `method`; the 90 % interval corresponds to the equivalence test.
        method: test and interval used.
        p: two-sided p of no difference, before correction for several contrasts.
        p_exact: exact McNemar p, where the method is mid-p McNemar.
        mde80: minimum detectable effect: found in 80 of 100 repetitions of this design, at 5 % two-sided.
    """

    estimate: float
    se: float
    ci95: Interval
    ci90: Interval
    method: str
    p: float
    p_exact: float | None
    mde80: float


@dataclass(frozen=True, kw_only=True)
class Delta(Estimate):
    """An Estimate with its corrected p and a permutation p.

    Attributes:
        p_holm: p after Holm's correction over all contrasts shown together.
        p_permutation: p of the sign-flip permutation test, a check of p without distributional assumptions.
    """

    p_holm: float
    p_permutation: float


@dataclass(frozen=True, kw_only=True)
class Discordant:
    """An instance that one arm resolves more often than the other."""

    instance_id: str
    repo: str
    control: float  # share of its seeds that were resolved
    treatment: float


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Two one-sided tests: whether the difference lies within the margin on both sides."""

    margin: float
    p: float
    holds: bool


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Results lost to outages, in the seeds that both arms have.

    Attributes:
        control, treatment: [missing, planned] results.
        p_fisher: Fisher's exact p of equal missing shares.
        is_unequal: the missing shares differ by Fisher's test, or by more than the margin.
        bounds: the estimate if every missing result counted against the treatment, and if it counted for it.
        bounds_verdicts: the verdicts at these bounds.
    """

    control: tuple[int, int]
    treatment: tuple[int, int]
    p_fisher: float
    is_unequal: bool
    bounds: Interval
    bounds_verdicts: tuple[Verdict, Verdict]


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """The difference within a subset of the instances. Exploratory: p_bh is corrected for false discoveries."""

    name: str
    n_instances: int
    estimate: float
    ci95: Interval | None  # null for a single instance, and where all differ by the same fraction
    p_bh: float | None


@dataclass(frozen=True, kw_only=True)
class RepositoryMean:
    """The difference with all repositories weighted equally, the basis for claims beyond these repositories."""

    n_repositories: int
    estimate: float
    ci95: Interval | None
    p: float | None


@dataclass(frozen=True, kw_only=True)
class CostRatio:
    """Cost of an attempt in the treatment relative to the control, over the pairs with a value in both arms.

    Attributes:
        measure: prompt_tokens, completion_tokens, n_calls, n_steps, cost_usd, wall_s or steps_to_patch (steps until a
            command first names a file that the patch changes, over attempts in which one does).
        control, treatment: mean per attempt, over instances.
        ratio: treatment / control; null where the control is 0.
        ci95: BCa bootstrap over instances.
        n_instances: instances with a value in both arms.
    """

    measure: str
    control: float
    treatment: float
    ratio: float | None
    ci95: Interval | None
    n_instances: int


@dataclass(frozen=True, kw_only=True)
class Price:
    """USD per resolved instance in each arm, and per additional instance that the treatment resolves.

    `per_additional_resolved` is null unless the interval of additional resolved instances is above 0.
    """

    control_per_resolved_usd: float | None
    control_ci95: Interval | None
    treatment_per_resolved_usd: float | None
    treatment_ci95: Interval | None
    per_additional_resolved_usd: float | None
    per_additional_ci95: Interval | None


@dataclass(frozen=True, kw_only=True)
class RequiredSample:
    """Seeds or instances with which this design would detect `effect` with 80 % power.

    Attributes:
        effect: the difference to detect: the margin.
        n_seeds: total seeds on the same instances; null where no number is enough.
        n_instances: total instances with the same seeds.
        seeds_usd, instances_usd: cost of the additional attempts of both arms, at this group's mean.
        seeds_tokens, instances_tokens: the same in tokens.
    """

    effect: float
    n_seeds: int | None
    n_instances: int
    seeds_usd: float | None
    instances_usd: float | None
    seeds_tokens: int | None
    instances_tokens: int | None


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """A treatment against the control, on the instances and seeds that both measured.

    Attributes:
        n_instances: instances with a measured pair.
        n_seeds: seeds in both arms.
        n_pairs: (instance, seed) pairs measured in both arms.
        verdict, sentence, reasons: the verdict, the same as a sentence with its interval, and why it is withheld.
        delta, equivalence, settle: null for fewer than two instances, and where all differ by the same fraction.
        settle: sample size that would turn an inconclusive verdict into a conclusive one.
    """

    control: str
    treatment: str
    n_instances: int
    n_seeds: int
    n_pairs: int
    verdict: Verdict
    sentence: str
    reasons: list[str]
    delta: Delta | None
    gained: list[Discordant]
    lost: list[Discordant]
    equivalence: Equivalence | None
    missing: Missing
    settle: RequiredSample | None
    repositories: list[Stratum]
    repository_mean: RepositoryMean | None
    without_repository: list[Stratum]
    difficulties: list[Stratum]
    costs: list[CostRatio]
    price: Price | None


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """Variation between the seeds of one arm: the noise floor.

    Attributes:
        n_seeds: seeds of the arm.
        n_instances: instances measured with every seed.
        icc: intraclass correlation of two seeds of an instance; null for one seed.
        run_sd: standard deviation of the resolve rate between runs.
        discordant: share of (instance, pair of seeds) with different outcomes.
        pass_at_k: k -> probability that at least one of k seeds resolves an instance (unbiased).
        pass_hat_k: k -> probability that all k seeds do.
    """

    n_seeds: int
    n_instances: int
    icc: float | None
    run_sd: float | None
    discordant: float | None
    pass_at_k: dict[str, float]
    pass_hat_k: dict[str, float]
