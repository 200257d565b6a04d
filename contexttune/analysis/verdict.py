"""The verdict on a contrast: when there is one, which one, and its sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from contexttune.analysis.estimate import ALPHA, MCNEMAR, PAIRED_T, PAIRED_T_OF_FEW
from contexttune.analysis.evidence import Contrast, Delta, Equivalence, Estimate, Interval, Missing, Verdict
from contexttune.analysis.missing import TOLERABLE, bounds_differ, share_missing
from contexttune.analysis.number_format import chance, counted, effect, points, usd
from contexttune.analysis.sample_size import ASSUMED_ICC

_AGAIN = "the same command tries the missing ones again"
_TESTS = {MCNEMAR: "mid-p McNemar test", PAIRED_T_OF_FEW: PAIRED_T}  # the others name their test alone


def decide(estimate: Estimate | None, p_holm: float | None, equivalence: Equivalence | None) -> Verdict:
    """What the measured pairs say, whatever else may withhold it. Better and worse go before equivalent."""
    if estimate is None or p_holm is None or equivalence is None:
        return Verdict.WITHHELD
    low, high = estimate.ci95
    if p_holm < ALPHA and low > 0:
        return Verdict.BETTER
    if p_holm < ALPHA and high < 0:
        return Verdict.WORSE
    return Verdict.EQUIVALENT if equivalence.holds else Verdict.INCONCLUSIVE


def unfinished_reasons(names: Sequence[str], unfinished: Mapping[str, Sequence[str]]) -> list[str]:
    """Looking at a part of a planned design, and stopping when it pleases, finds differences that are none."""
    return [
        f"{name} is not finished ({', '.join(unfinished[name])}), and a look at a part of the plan finds differences "
        "by chance; the same command goes on with it, and analysis.seeds=[...] leaves unfinished seeds out"
        for name in names
        if unfinished.get(name)
    ]


def missing_reasons(names: tuple[str, str], missing: Missing, verdict: Verdict) -> list[str]:
    """Why missing results withhold `verdict`, which is that of the measured pairs; names: (control, treatment)."""
    if missing.is_unequal:
        counted = " and ".join(
            f"{n} of {planned} of {name}"
            for name, (n, planned) in zip(names, (missing.control, missing.treatment), strict=True)
        )
        return [f"results are missing unequally, {counted}, which can look like an effect; {_AGAIN}"]
    if share_missing(missing) > TOLERABLE and bounds_differ(missing, verdict):
        return [
            f"{100 * share_missing(missing):.1f} % of the results are missing and could make it another verdict: "
            f"with them the estimate is anything {_range(missing.bounds)} points; {_AGAIN}"
        ]
    return []


def too_little_reasons(n_seeds: int, n_instances: int, estimate: Estimate | None) -> list[str]:
    """Why there is no estimate."""
    if not n_seeds:
        return ["the arms have no seed in common; run both with the same ones"]
    if not n_instances:
        return [f"no instance has a result in both arms; {_AGAIN}"]
    if n_instances == 1:
        return ["one instance says nothing of others; a larger slice does (slice.limit, slice.instance_ids)"]
    if estimate is None:
        return [
            "all instances differ by the same share, so nothing says how far off it is; a larger slice does (slice.limit)"
        ]
    return []


def sentence(contrast: Contrast, n_contrasts: int) -> str:
    """The answer in words, in percentage points, with all that is needed to judge it.

    `n_contrasts`: that were tested together.
    """
    opening = _OPENINGS[contrast.verdict].format(
        control=contrast.control, treatment=contrast.treatment, reasons="; ".join(contrast.reasons)
    )
    delta, equivalence = contrast.delta, contrast.equivalence
    if delta is None or equivalence is None:
        return opening
    interval, judged_by = _range(delta.ci95), _judged_by(contrast, delta, n_contrasts)
    if contrast.verdict is Verdict.INCONCLUSIVE:
        return (
            f"{opening}: effects {interval} percentage points remain possible (95 % interval; estimate "
            f"{points(delta.estimate)}; {judged_by}). {_settled_by(contrast, delta)}"
        )
    facts = f"{points(delta.estimate)} percentage points (95 % interval {interval}; {judged_by})"
    margin = f"the margin of {effect(equivalence.margin)} points"
    if contrast.verdict is Verdict.WITHHELD:
        return f"{opening} What was measured is no answer: {facts}."
    if contrast.verdict is Verdict.EQUIVALENT:
        return f"{opening}, within {margin} (two one-sided tests, {_p(equivalence.p)}): {facts}."
    within = f" This is within {margin}, which makes no difference in practice." if equivalence.holds else ""
    return f"{opening}: {facts}.{within}"


_OPENINGS = {
    Verdict.BETTER: "Better: {treatment} resolves more than {control}",
    Verdict.WORSE: "Worse: {treatment} resolves less than {control}",
    Verdict.EQUIVALENT: "Equivalent: {treatment} resolves as much as {control}",
    Verdict.INCONCLUSIVE: "Inconclusive for {treatment} against {control}",
    Verdict.WITHHELD: "Withheld for {treatment} against {control}: {reasons}.",
}


def _judged_by(contrast: Contrast, delta: Delta, n_contrasts: int) -> str:
    holm = f", Holm's correction over {n_contrasts} contrasts" if n_contrasts > 1 else ""
    return (
        f"{counted(contrast.n_instances, 'instance')} x {counted(contrast.n_seeds, 'seed')}; "
        f"{_p(delta.p_holm)}, {_TESTS.get(delta.method, delta.method)}{holm}; "
        f"minimum detectable effect {effect(delta.mde80)} points"
    )


def _settled_by(contrast: Contrast, delta: Delta) -> str:
    settle = contrast.settle
    if settle is None or delta.mde80 <= settle.effect:
        return "The design can see the margin, but the difference is too near to 0 or to the margin to tell from it."
    instances = _price(settle.instances_usd, settle.instances_tokens)
    by_instances = f"{settle.n_instances:,} instances with these seeds{instances}"
    opening = f"To see {effect(settle.effect)} points with 80 % power takes"
    if settle.n_seeds is None:
        return f"{opening} {by_instances}; more seeds on these instances are not enough."
    by_seeds = f"{settle.n_seeds} seeds on these instances{_price(settle.seeds_usd, settle.seeds_tokens)}"
    assumed = f", if two seeds of an instance correlate by {ASSUMED_ICC}" if contrast.n_seeds == 1 else ""
    return f"{opening} {by_seeds}{assumed}, or {by_instances}."


def _price(amount_usd: float | None, tokens: int | None) -> str:
    if amount_usd:
        return f" (about {usd(amount_usd)} USD more)"
    return "" if not tokens else f" (about {tokens:,} tokens more)"


def _range(interval: Interval) -> str:
    return f"from {points(interval[0])} to {points(interval[1])}"


def _p(p: float) -> str:
    shown = chance(p)
    return f"p {shown}" if shown.startswith("<") else f"p = {shown}"
