"""Contrasts: each treatment against its control, tested together as one family."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from contexttune.analysis import costs, strata, verdict
from contexttune.analysis.estimate import differences, equivalence, estimate_difference
from contexttune.analysis.evidence import Contrast, Delta, Discordant, Equivalence, Estimate, Missing, Verdict
from contexttune.analysis.missing import missing
from contexttune.analysis.outcomes import Arm, Floats, Pairs, pair
from contexttune.analysis.paired_t import sign_flip_p
from contexttune.analysis.sample_size import required_sample

Names = tuple[str, str]
"""(control, treatment)."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """Contrasts shown in one table. They are tested together, so a verdict depends on the p values of the others."""

    p_values: Mapping[Names, float]  # 1.0 where there are too few data for a test
    margin: float

    def holm(self, names: Names, p: float) -> float:
        """Holm-corrected p of one contrast, if its own p value were `p`."""
        if len(self.p_values) == 1:
            return p
        from statsmodels.stats.multitest import multipletests  # takes a second to import

        family = {**self.p_values, names: p}
        return float(multipletests(list(family.values()), method="holm")[1][list(family).index(names)])

    def decide(self, names: Names, values: Floats) -> Verdict:
        """The verdict on one contrast, if `values` were the differences of its instances."""
        estimate = estimate_difference(values)
        if estimate is None:
            return Verdict.WITHHELD
        return verdict.decide(estimate, self.holm(names, estimate.p), equivalence(values, self.margin))


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """Tests and missing results of one contrast; the first three are None where there are too few data."""

    estimate: Estimate | None
    equivalence: Equivalence | None
    p_holm: float | None
    missing: Missing
    verdict: Verdict
    reasons: list[str]


def contrast_arms(
    arms: Mapping[str, Arm], *, control: str, margin: float, unfinished: Mapping[str, Sequence[str]]
) -> list[Contrast]:
    """Contrast every other arm with `control`, in the order of `arms`; [] if `control` is not among them.

    `unfinished` maps a condition to the descriptions of its unfinished cells.
    """
    if control not in arms:
        return []
    pairs = {(control, name): pair(arms[control], arm) for name, arm in arms.items() if name != control}
    return contrast_pairs(pairs, margin=margin, unfinished=unfinished)


def contrast_pairs(
    pairs: Mapping[Names, Pairs], *, margin: float, unfinished: Mapping[str, Sequence[str]]
) -> list[Contrast]:
    """Contrast pairs of arms, in the order given, as one family of tests."""
    judged = judge(pairs, margin=margin, unfinished=unfinished)
    found = [_contrast(names, own, judged[names], margin) for names, own in pairs.items()]
    return [replace(contrast, sentence=verdict.sentence(contrast, len(found))) for contrast in found]


def judge(
    pairs: Mapping[Names, Pairs], *, margin: float, unfinished: Mapping[str, Sequence[str]]
) -> dict[Names, Judgement]:
    """Test pairs of arms as one family and decide their verdicts."""
    estimates = {names: estimate_difference(differences(own)) for names, own in pairs.items()}
    family = Family(
        p_values={names: 1.0 if own is None else own.p for names, own in estimates.items()}, margin=margin
    )
    return {
        names: _judgement(names, own, estimates[names], family, unfinished) for names, own in pairs.items()
    }


def _judgement(
    names: Names,
    pairs: Pairs,
    estimate: Estimate | None,
    family: Family,
    unfinished: Mapping[str, Sequence[str]],
) -> Judgement:
    values = differences(pairs)
    within = None if estimate is None else equivalence(values, family.margin)
    p_holm = None if estimate is None else family.holm(names, estimate.p)
    decided = verdict.decide(estimate, p_holm, within)
    lost = missing(pairs, margin=family.margin, decide=partial(family.decide, names))
    reasons = [
        *verdict.unfinished_reasons(names, unfinished),
        *verdict.too_few_reasons(len(pairs.seeds), len(values), estimate),
        *verdict.missing_reasons(names, lost, decided),
    ]
    return Judgement(
        estimate=estimate,
        equivalence=within,
        p_holm=p_holm,
        missing=lost,
        verdict=Verdict.WITHHELD if reasons else decided,
        reasons=reasons,
    )


def _contrast(names: Names, pairs: Pairs, judged: Judgement, margin: float) -> Contrast:
    """The contrast without its sentence."""
    discordant = _discordant(pairs)
    return Contrast(
        control=names[0],
        treatment=names[1],
        n_instances=int(pairs.measured.sum()),
        n_seeds=len(pairs.seeds),
        n_pairs=pairs.n_pairs,
        verdict=judged.verdict,
        sentence="",
        reasons=judged.reasons,
        delta=_delta(pairs, judged),
        gained=[instance for instance in discordant if instance.treatment > instance.control],
        lost=[instance for instance in discordant if instance.treatment < instance.control],
        equivalence=judged.equivalence,
        missing=judged.missing,
        settle=None if judged.estimate is None else required_sample(pairs, judged.estimate, margin),
        repositories=strata.by_repository(pairs),
        repository_mean=strata.repository_mean(pairs),
        without_repository=strata.without_each_repository(pairs),
        difficulties=strata.by_difficulty(pairs),
        costs=costs.cost_ratios(pairs),
        price=costs.price(pairs),
    )


def _delta(pairs: Pairs, judged: Judgement) -> Delta | None:
    if judged.estimate is None or judged.p_holm is None:
        return None
    permuted = sign_flip_p(differences(pairs))
    return Delta(**asdict(judged.estimate), p_holm=judged.p_holm, p_permutation=permuted)


def _discordant(pairs: Pairs) -> list[Discordant]:
    """Measured instances on which the arms differ, the largest difference first."""
    names = np.asarray(pairs.instances, dtype=object)[pairs.measured]
    found = [
        Discordant(instance_id=name, repo=pairs.repos[name], control=float(left), treatment=float(right))
        for name, left, right in zip(names, *pairs.shares(), strict=True)
        if left != right
    ]
    return sorted(found, key=lambda one: (-abs(one.treatment - one.control), one.instance_id))
