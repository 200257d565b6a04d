"""Compare two groups, or the seeds of one group with each other to find its noise floor."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

from contexttune.analysis.evidence import Contrast
from contexttune.analysis.number_format import effect, percent
from contexttune.config.differences import in_words
from contexttune.errors import ConfigError
from contexttune.paths import Layout
from contexttune.report import comparability
from contexttune.report.caveats import comparison_caveats, unpaired
from contexttune.report.group import ArmRecords, Group
from contexttune.report.registered_analysis import Analysis
from contexttune.report.templates import render
from contexttune.system.files import write_atomic, write_json

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_Z95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A comparison as written to results/comparisons.

    Attributes:
        differing: differences between the groups besides the condition; not empty only in a forced comparison.
        remarks: caveats, and the noise floor of seeds.
    """

    groups: list[str]
    analysis: Analysis
    differing: list[str]
    contrasts: list[Contrast]
    remarks: list[str]


def compare_groups(
    a: Group, b: Group, analysis: Analysis, *, force: bool, margin_of_b: float | None = None
) -> Comparison:
    """Contrast the arms of b with those of a: each common condition with itself; all with all if none is common.

    `analysis` is that of a; a different `margin_of_b` becomes a remark.
    Raises ConfigError if the groups differ in more than the condition, unless `force`.
    """
    found = comparability.group_differences([*a.begun, *b.begun])
    differing = [in_words(one) for one in found if not comparability.is_code_state(one)]
    code = [in_words(one) for one in found if comparability.is_code_state(one)]
    n_unlike, n_known = comparability.unlike_prompts([*a.rows, *b.rows])
    if n_unlike:
        differing.append(f"prompts: the runner's own, for {n_unlike} of {n_known} instances")
    if differing and not force:
        raise ConfigError(
            f"groups {a.group_id} and {b.group_id} differ in more than the condition: {'; '.join(differing)}. "
            "Set compare.force=true to compare them anyway"
        )
    common = sorted(set(a.conditions) & set(b.conditions))
    wanted = [(name, name) for name in common] or [(x, y) for x in a.conditions for y in b.conditions]
    arms = [
        (_arm(a, x, analysis, f"{x} of {a.group_id}"), _arm(b, y, analysis, f"{y} of {b.group_id}"))
        for x, y in wanted
    ]
    remarks = [f"The code differs between runs: {'; '.join(code)}."] if code else []
    if margin_of_b not in (None, analysis.margin):
        remarks.append(
            f"analysis.margin is {analysis.margin}, as registered by {a.group_id}; {b.group_id} registered {margin_of_b}."
        )
    remarks += [*comparison_caveats(a, analysis), *comparison_caveats(b, analysis)]
    for one, other in arms:
        remarks += unpaired(one.name, one.rows, other.name, other.rows)
    return Comparison(
        groups=[a.group_id, b.group_id],
        analysis=analysis,
        differing=differing,
        contrasts=_contrasts(arms, analysis),
        remarks=list(dict.fromkeys(remarks)),
    )


def compare_seeds(group: Group, analysis: Analysis) -> Comparison:
    """A/A comparison: contrast every pair of seeds of a condition as if they were arms.

    Raises ConfigError if no condition has two seeds.
    """
    pairs: list[tuple[ArmRecords, ArmRecords]] = []
    floors: list[str] = []
    for condition in group.conditions:
        seeds = sorted({row["seed"] for row in group.arm(condition, analysis).rows})
        arms = [_arm(group, condition, analysis, f"{condition} seed {seed}", seed=seed) for seed in seeds]
        pairs += combinations(arms, 2)
        floors += _noise_floor(group, condition, seeds)
    if not pairs:
        raise ConfigError(
            f"group {group.group_id} has no condition with two seeds: run another seed with -m seed=0,1"
        )
    log.info("comparing %d pairs of seeds", len(pairs))  # takes a second each for hundreds of instances
    return Comparison(
        groups=[group.group_id],
        analysis=analysis,
        differing=[],
        contrasts=_contrasts(pairs, analysis),
        remarks=[*floors, *comparison_caveats(group, analysis)],
    )


def write(layout: Layout, comparison: Comparison) -> Path:
    """Write results/comparisons/<groups>.json and .md; return the path of the latter."""
    path = layout.comparisons / "--".join(comparison.groups)
    record = {"schema_version": SCHEMA_VERSION, **asdict(comparison)}
    write_json(path.with_name(f"{path.name}.json"), record)
    page = path.with_name(f"{path.name}.md")
    write_atomic(page, render("report/comparison.md.jinja", record=record, differing=comparison.differing))
    return page


def _arm(
    group: Group, condition: str, analysis: Analysis, name: str, *, seed: int | None = None
) -> ArmRecords:
    """An arm under a new name; a single seed is numbered 0, so that different seeds form pairs."""
    found = group.arm(condition, analysis, seed=seed)
    renamed = {"condition": name} if seed is None else {"condition": name, "seed": 0}
    return replace(found, name=name, rows=[row | renamed for row in found.rows])


def _contrasts(pairs: Sequence[tuple[ArmRecords, ArmRecords]], analysis: Analysis) -> list[Contrast]:
    """Contrast the second arm of each pair with the first, as one family of tests."""
    from contexttune.analysis import outcomes
    from contexttune.analysis.contrasts import contrast_pairs

    paired: dict[tuple[str, str], outcomes.Pairs] = {}
    unfinished: dict[str, list[str]] = {}
    for control, treatment in pairs:
        arms = outcomes.arms([*control.rows, *treatment.rows], [control.name, treatment.name])
        paired[control.name, treatment.name] = outcomes.pair(*arms.values())
        unfinished |= {arm.name: arm.unfinished for arm in (control, treatment)}
    return contrast_pairs(paired, margin=analysis.margin, unfinished=unfinished)


def _noise_floor(group: Group, condition: str, seeds: Sequence[int]) -> Iterator[str]:
    """How far two runs of one condition differ by chance, from their discordant outcomes."""
    from contexttune.analysis import outcomes
    from contexttune.analysis.seed_noise import repeats

    found = repeats(outcomes.arms(group.rows, [condition], seeds)[condition])
    if found.discordant is not None:
        # on fixed instances, the difference of two runs has the variance (share of discordant pairs) / n
        range95 = _Z95 * (found.discordant / found.n_instances) ** 0.5
        yield (
            f"Noise floor of {condition}: two seeds differ on {percent(found.discordant)} of {found.n_instances} "
            f"instances, so the rates of 95 % of pairs of identical runs differ by up to {effect(range95)} points."
        )
