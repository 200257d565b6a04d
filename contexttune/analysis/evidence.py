"""The nouns of the evidence, as summary.json publishes them (docs/summary.schema.json).

Shares and differences of shares are fractions: 0.05 is five percentage points. An interval is [low, high]. A number that
this group cannot support is null, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

Interval = tuple[float, float]


class Verdict(StrEnum):
    """What a contrast says; `withheld` where missing data or unfinished runs forbid to say anything."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    WITHHELD = "withheld"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Treatment minus control: the mean over instances of the difference of their resolved shares.

    Attributes:
        estimate: the mean difference, seeds averaged inside an instance.
        se: its standard error; with one seed, or where fewer than eight instances differ, at least that of Bonett and Price, which
            is never 0.
        ci95, ci90: two-sided intervals by `method`; the 90 % one is what equivalence is judged by.
        method: how p and the intervals were made.
        p: two-sided, of no difference, before the correction for several contrasts.
        p_exact: exact McNemar, where the method is mid-p McNemar.
        mde80: the smallest true difference that this design would find in 80 of 100 repetitions, at 5 % two-sided.
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
    """An Estimate with what other contrasts and another test add to it.

    Attributes:
        p_holm: p after Holm's correction over the contrasts that are read together, as all of a group.
        p_permutation: of the sign-flip permutation test, a check of p that assumes no distribution.
    """

    p_holm: float
    p_permutation: float


@dataclass(frozen=True, kw_only=True)
class Discordant:
    """An instance that the arms do not solve equally often."""

    instance_id: str
    repo: str
    control: float  # share of its seeds that were resolved
    treatment: float


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Two one-sided tests: whether the difference is within the margin, either way."""

    margin: float
    p: float
    holds: bool


@dataclass(frozen=True, kw_only=True)
class Missing:
    """Results that outages cost, in the seeds that both arms have.

    Attributes:
        control, treatment: [missing, planned] results.
        p_fisher: of equal shares missing in the arms.
        is_unequal: the arms differ in it by Fisher's test, or by more than the margin.
        bounds: the estimate if every missing result had gone against the treatment, and for it.
        bounds_verdicts: what the verdict would then be.
    """

    control: tuple[int, int]
    treatment: tuple[int, int]
    p_fisher: float
    is_unequal: bool
    bounds: Interval
    bounds_verdicts: tuple[Verdict, Verdict]


@dataclass(frozen=True, kw_only=True)
class Stratum:
    """The difference within a part of the instances. Exploratory: p_bh is corrected over the parts (false discoveries)."""

    name: str
    n_instances: int
    estimate: float
    ci95: Interval | None  # null for a single instance, and where all differ by the same part of 1
    p_bh: float | None


@dataclass(frozen=True, kw_only=True)
class RepositoryMean:
    """The difference with every repository counted once: what a claim beyond these repositories rests on."""

    n_repositories: int
    estimate: float
    ci95: Interval | None
    p: float | None


@dataclass(frozen=True, kw_only=True)
class CostRatio:
    """What an attempt took in the treatment, in units of the control, over the pairs that both measured.

    Attributes:
        measure: prompt_tokens, completion_tokens, n_calls, n_steps, cost_usd, wall_s or steps_to_patch (until a command
            named a file that the attempt's patch changes; of attempts in which one did).
        control, treatment: means over instances of an attempt's amount.
        ratio: treatment / control of these means; null where the control took nothing.
        ci95: bootstrap over instances (BCa).
        n_instances: that both arms have counted; others are left out.
    """

    measure: str
    control: float
    treatment: float
    ratio: float | None
    ci95: Interval | None
    n_instances: int


@dataclass(frozen=True, kw_only=True)
class Price:
    """USD for a resolved instance in each arm, and for one more by the treatment.

    `per_additional_resolved` is null unless the interval of additional resolved instances is above 0.
    """

    control_per_resolved_usd: float | None
    control_ci95: Interval | None
    treatment_per_resolved_usd: float | None
    treatment_ci95: Interval | None
    per_additional_resolved_usd: float | None
    per_additional_ci95: Interval | None


@dataclass(frozen=True, kw_only=True)
class Settle:
    """What would make this design see a difference of `effect` with 80 % power: more seeds, or more instances.

    Attributes:
        effect: the difference to be seen; the margin.
        n_seeds: in all, on the same instances; null where no number of seeds is enough.
        n_instances: in all, with the seeds as they are.
        seeds_usd, instances_usd: what the additional attempts of both arms would cost, at this group's own mean.
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
        n_instances: with a measured pair.
        n_seeds: in both arms.
        n_pairs: (instance, seed) measured in both arms.
        verdict, sentence, reasons: the answer, in words with its interval, and why it is withheld.
        delta, equivalence, settle: null for fewer than two instances, and where all differ by the same part of 1.
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
    settle: Settle | None
    repositories: list[Stratum]
    repository_mean: RepositoryMean | None
    without_repository: list[Stratum]
    difficulties: list[Stratum]
    costs: list[CostRatio]
    price: Price | None


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """What the seeds of one arm say of each other: the noise floor of this setup.

    Attributes:
        n_seeds: runs of the arm.
        n_instances: measured in every one of them.
        icc: correlation of two seeds of an instance; null for one seed.
        run_sd: standard deviation of the runs' resolve rates.
        discordant: share of (instance, pair of seeds) with different outcomes.
        pass_at_k: by k: the chance that one of k seeds resolves an instance (unbiased).
        pass_hat_k: by k: the chance that all of them do.
    """

    n_seeds: int
    n_instances: int
    icc: float | None
    run_sd: float | None
    discordant: float | None
    pass_at_k: dict[str, float]
    pass_hat_k: dict[str, float]
