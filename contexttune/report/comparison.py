"""Arms of two groups against each other, or of one group's seeds: what this setup does without any treatment."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from contexttune.analysis.number_format import percent, points
from contexttune.config.differences import in_words
from contexttune.errors import ConfigError
from contexttune.experiment.rows import Row
from contexttune.paths import Layout
from contexttune.report import comparability, markdown
from contexttune.report.caveats import of_one_side, unpaired
from contexttune.report.group import Group
from contexttune.report.registered_analysis import Analysis
from contexttune.system.files import write_atomic, write_json

if TYPE_CHECKING:
    from contexttune.analysis.evidence import Contrast

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_Z95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What was compared with what, and what came of it.

    Attributes:
        differing: in what besides the condition the groups differ; a comparison of such was forced.
        remarks: sentences of what the numbers are worth, and the noise floor of seeds.
    """

    groups: list[str]
    analysis: Analysis
    differing: list[str]
    contrasts: list[Contrast]
    remarks: list[str]

    @property
    def name(self) -> str:
        return "--".join(self.groups)


def of_groups(
    a: Group, b: Group, analysis: Analysis, *, force: bool, margin_of_b: float | None = None
) -> Comparison:
    """Arms of b against those of a: the same condition where both have it, else all against all.

    `analysis` is that of a; another margin that b is judged by is said.
    Raises ConfigError when the groups differ in more than the condition, unless `force`.
    """
    found = comparability.among([*a.begun, *b.begun])
    differing = [in_words(one) for one in found if not comparability.is_of_code(one)]
    code = [in_words(one) for one in found if comparability.is_of_code(one)]
    n_unlike, n_known = comparability.unlike_prompts([*a.rows, *b.rows])
    if n_unlike:
        differing.append(f"prompts: the runner's own, for {n_unlike} of {n_known} instances")
    if differing and not force:
        raise ConfigError(
            f"groups {a.group_id} and {b.group_id} differ in more than the condition: {'; '.join(differing)}. "
            "compare.force=true compares them all the same"
        )
    common = sorted(set(a.conditions) & set(b.conditions))
    wanted = [(name, name) for name in common] or [(x, y) for x in a.conditions for y in b.conditions]
    arms = [
        (_arm(a, x, analysis, f"{x} of {a.group_id}"), _arm(b, y, analysis, f"{y} of {b.group_id}"))
        for x, y in wanted
    ]
    said = [f"These runs are not of one state of the code: {'; '.join(code)}."] if code else []
    if margin_of_b not in (None, analysis.margin):
        said.append(
            f"analysis.margin is {analysis.margin} here, as for {a.group_id}; {b.group_id} is judged by {margin_of_b}."
        )
    said += [*of_one_side(a, analysis), *of_one_side(b, analysis)]
    for one, other in arms:
        said += unpaired(one.name, one.rows, other.name, other.rows)
    return Comparison(
        groups=[a.group_id, b.group_id],
        analysis=analysis,
        differing=differing,
        contrasts=_against(arms, analysis),
        remarks=list(dict.fromkeys(said)),
    )


def of_seeds(group: Group, analysis: Analysis) -> Comparison:
    """A/A: each two seeds of a condition, as if they were arms.

    Raises ConfigError when no condition has two.
    """
    pairs: list[tuple[_Arm, _Arm]] = []
    floors: list[str] = []
    for condition in group.conditions:
        seeds = sorted(
            {
                row["seed"]
                for row in group.rows
                if row["condition"] == condition and analysis.looks_at(row["seed"])
            }
        )
        arms = [_arm(group, condition, analysis, f"{condition} seed {seed}", seed=seed) for seed in seeds]
        pairs += combinations(arms, 2)
        floors += _floor(group, condition, seeds)
    if not pairs:
        raise ConfigError(
            f"group {group.group_id} has no condition with two seeds: run another one, -m seed=0,1, for its noise floor"
        )
    log.info(
        "comparing %d pairs of seeds", len(pairs)
    )  # a second each, where a run has hundreds of instances
    return Comparison(
        groups=[group.group_id],
        analysis=analysis,
        differing=[],
        contrasts=_against(pairs, analysis),
        remarks=[*floors, *of_one_side(group, analysis)],
    )


def write(layout: Layout, comparison: Comparison) -> Path:
    """results/comparisons/<groups>.json, and .md for people; returns the latter's path."""
    home = layout.comparisons
    record = {"schema_version": SCHEMA_VERSION, **asdict(comparison)}
    write_json(home / f"{comparison.name}.json", record)
    page = home / f"{comparison.name}.md"
    write_atomic(page, markdown.comparison(record))
    return page


@dataclass(frozen=True, kw_only=True)
class _Arm:
    rows: list[Row]
    unfinished: list[str]
    name: str


def _arm(group: Group, condition: str, analysis: Analysis, name: str, *, seed: int | None = None) -> _Arm:
    """Rows of a condition under another name; those of a single seed under one that all such arms share."""
    kept = [row for row in group.rows if row["condition"] == condition and analysis.looks_at(row["seed"])]
    if seed is not None:
        kept = [{**row, "seed": 0} for row in kept if row["seed"] == seed]
    unfinished = [
        cell.words
        for cell in group.states
        if cell.condition == condition
        and (analysis.looks_at(cell.seed) if seed is None else cell.seed == seed)
        and cell.is_open
    ]
    return _Arm(rows=[{**row, "condition": name} for row in kept], unfinished=unfinished, name=name)


def _against(pairs: Sequence[tuple[_Arm, _Arm]], analysis: Analysis) -> list[Contrast]:
    """The second arm of each pair against the first. They are read in one table, and tested as one family."""
    from contexttune.analysis import outcomes
    from contexttune.analysis.contrasts import of_pairs

    paired: dict[tuple[str, str], outcomes.Pairs] = {}
    unfinished: dict[str, list[str]] = {}
    for control, treatment in pairs:
        arms = outcomes.arms([*control.rows, *treatment.rows], [control.name, treatment.name])
        paired[control.name, treatment.name] = outcomes.pair(*arms.values())
        unfinished |= {arm.name: arm.unfinished for arm in (control, treatment)}
    return of_pairs(paired, margin=analysis.margin, unfinished=unfinished)


def _floor(group: Group, condition: str, seeds: Sequence[int]) -> Iterator[str]:
    """How far two runs of one condition are apart by chance, from how often their outcomes differ."""
    from contexttune.analysis import outcomes
    from contexttune.analysis.seed_noise import repeats

    found = repeats(outcomes.arms(group.rows, [condition], seeds)[condition])
    if found.discordant is not None:
        # the difference of two runs has, on fixed instances, the variance (share of discordant pairs) / n
        range95 = _Z95 * (found.discordant / found.n_instances) ** 0.5
        yield (
            f"Noise floor of {condition}: two seeds differ on {percent(found.discordant)} of {found.n_instances} "
            f"instances, and 95 of 100 pairs of runs differ by up to {points(range95).lstrip('+')} points in their rate "
            "with nothing changed."
        )
