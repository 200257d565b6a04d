"""Verdict on a contrast: the rule, the reasons to withhold it, and its sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contexttune.analysis.estimate import ALPHA, MCNEMAR, PAIRED_T, PAIRED_T_FEW_DISCORDANT
from contexttune.analysis.evidence import Contrast, Delta, Equivalence, Estimate, Interval, Missing, Verdict
from contexttune.analysis.missing import TOLERABLE, bounds_differ, share_missing
from contexttune.analysis.number_format import effect, p_value, plural, points, usd
from contexttune.analysis.sample_size import ASSUMED_ICC

_RETRY = "run the same command again to retry them"
_TESTS = {MCNEMAR: "mid-p McNemar test", PAIRED_T_FEW_DISCORDANT: PAIRED_T}  # names without the interval's


def decide(estimate: Estimate | None, p_holm: float | None, equivalence: Equivalence | None) -> Verdict:
    """The verdict of the measured pairs alone. Better and worse take precedence over equivalent."""
    if estimate is None or p_holm is None or equivalence is None:
        return Verdict.WITHHELD
    low, high = estimate.ci95
    if p_holm < ALPHA and low > 0:
        return Verdict.BETTER
    if p_holm < ALPHA and high < 0:
        return Verdict.WORSE
    return Verdict.EQUIVALENT if equivalence.holds else Verdict.INCONCLUSIVE


def unfinished_reasons(names: Sequence[str], unfinished: Mapping[str, Sequence[str]]) -> list[str]:
    """Arms with unfinished cells: testing before the planned design is complete inflates false positives."""
    return [
        f"{name} is not finished ({', '.join(unfinished[name])}), and testing before all planned runs are done inflates "
        "false positives; run the same command again to finish it, or exclude unfinished seeds with analysis.seeds=[...]"
        for name in names
        if unfinished.get(name)
    ]


def missing_reasons(names: tuple[str, str], missing: Missing, verdict: Verdict) -> list[str]:
    """Why missing results withhold `verdict`, the verdict of the measured pairs; names: (control, treatment)."""
    if missing.is_unequal:
        per_arm = " and ".join(
            f"{n} of {planned} results of {name}"
            for name, (n, planned) in zip(names, (missing.control, missing.treatment), strict=True)
        )
        return [f"unequal shares of results are missing, {per_arm}, which can look like an effect; {_RETRY}"]
    if share_missing(missing) > TOLERABLE and bounds_differ(missing, verdict):
        return [
            f"{100 * share_missing(missing):.1f} % of the results are missing and could change the verdict: "
            f"depending on them the estimate lies anywhere {_range(missing.bounds)} points; {_RETRY}"
        ]
    return []


def too_few_reasons(n_seeds: int, n_instances: int, estimate: Estimate | None) -> list[str]:
    """Reasons why there is no estimate."""
    if not n_seeds:
        return ["the arms have no seed in common; run both with the same seeds"]
    if not n_instances:
        return [f"no instance has a result in both arms; {_RETRY}"]
    if n_instances == 1:
        return ["a single instance allows no inference; use a larger slice (slice.limit, slice.instance_ids)"]
    if estimate is None:
        return [
            "all instances differ by the same fraction, so the error cannot be estimated; use a larger slice (slice.limit)"
        ]
    return []


def sentence(contrast: Contrast, n_contrasts: int) -> str:
    """The verdict as a sentence, in percentage points, with interval, sample size, p and MDE.

    `n_contrasts` is the number of contrasts tested together.
    """
    opening = _OPENINGS[contrast.verdict].format(
        control=contrast.control, treatment=contrast.treatment, reasons="; ".join(contrast.reasons)
    )
    delta, equivalence = contrast.delta, contrast.equivalence
    if delta is None or equivalence is None:
        return opening
    interval, basis = _range(delta.ci95), _basis(contrast, delta, n_contrasts)
    if contrast.verdict is Verdict.INCONCLUSIVE:
        return (
            f"{opening}: the data are compatible with effects {interval} percentage points (95 % interval; estimate "
            f"{points(delta.estimate)}; {basis}). {_required_sample(contrast, delta)}"
        )
    facts = f"{points(delta.estimate)} percentage points (95 % interval {interval}; {basis})"
    margin = f"the margin of {effect(equivalence.margin)} points"
    if contrast.verdict is Verdict.WITHHELD:
        return f"{opening} Measured so far, without a verdict: {facts}."
    if contrast.verdict is Verdict.EQUIVALENT:
        return f"{opening}, within {margin} (two one-sided tests, {_p(equivalence.p)}): {facts}."
    within = f" The difference is within {margin}: too small to matter." if equivalence.holds else ""
    return f"{opening}: {facts}.{within}"


_OPENINGS = {
    Verdict.BETTER: "Better: {treatment} resolves more instances than {control}",
    Verdict.WORSE: "Worse: {treatment} resolves fewer instances than {control}",
    Verdict.EQUIVALENT: "Equivalent: {treatment} resolves as many instances as {control}",
    Verdict.INCONCLUSIVE: "Inconclusive for {treatment} against {control}",
    Verdict.WITHHELD: "Withheld for {treatment} against {control}: {reasons}.",
}


def _basis(contrast: Contrast, delta: Delta, n_contrasts: int) -> str:
    holm = f", Holm's correction over {n_contrasts} contrasts" if n_contrasts > 1 else ""
    return (
        f"{plural(contrast.n_instances, 'instance')} x {plural(contrast.n_seeds, 'seed')}; "
        f"{_p(delta.p_holm)}, {_TESTS.get(delta.method, delta.method)}{holm}; "
        f"minimum detectable effect {effect(delta.mde80)} points"
    )


def _required_sample(contrast: Contrast, delta: Delta) -> str:
    needed = contrast.settle
    if needed is None or delta.mde80 <= needed.effect:
        return "The design can detect an effect as large as the margin; the estimate is too close to 0 or to the margin."
    instances = _price(needed.instances_usd, needed.instances_tokens)
    by_instances = f"{needed.n_instances:,} instances with these seeds{instances}"
    opening = f"Detecting {effect(needed.effect)} points with 80 % power takes"
    if needed.n_seeds is None:
        return f"{opening} {by_instances}; more seeds on these instances are not enough."
    by_seeds = f"{needed.n_seeds} seeds on these instances{_price(needed.seeds_usd, needed.seeds_tokens)}"
    assumed = f", assuming an ICC of {ASSUMED_ICC} between seeds" if contrast.n_seeds == 1 else ""
    return f"{opening} {by_seeds}{assumed}, or {by_instances}."


def _price(amount_usd: float | None, tokens: int | None) -> str:
    if amount_usd:
        return f" (about {usd(amount_usd)} USD more)"
    return "" if not tokens else f" (about {tokens:,} tokens more)"


def _range(interval: Interval) -> str:
    return f"from {points(interval[0])} to {points(interval[1])}"


def _p(p: float) -> str:
    shown = p_value(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"
