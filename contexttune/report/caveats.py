"""Caveats of a group: sentences to read before quoting its numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from contexttune.analysis.number_format import plural
from contexttune.config.differences import differences, in_words
from contexttune.experiment.rows import Row
from contexttune.report import comparability, document_costs
from contexttune.report.group import Group
from contexttune.report.registered_analysis import Analysis

_SHOWN = 5  # differences; run.json has all


def group_caveats(group: Group, analysis: Analysis) -> list[str]:
    """One sentence each, the most serious first."""
    return [
        *_validity(group),
        *_changed(analysis),
        *_mixed_conditions(group),
        *_unpaired_arms(group, analysis),
        *_run_differences(group),
        *_documents(group, analysis),
    ]


def comparison_caveats(group: Group, analysis: Analysis) -> list[str]:
    """Caveats of a group in a comparison, which does not use its own control."""
    return [*_validity(group), *_changed(analysis), *_run_differences(group), *_documents(group, analysis)]


def unpaired(one: str, its_rows: Iterable[Row], other: str, other_rows: Iterable[Row]) -> Iterator[str]:
    """Results of two arms without a counterpart: whole seeds, and instances such as those of a missing shard."""
    its, theirs = _instances_by_seed(its_rows), _instances_by_seed(other_rows)
    for name, own, against, others in ((one, its, other, theirs), (other, theirs, one, its)):
        for seed in sorted(own.keys() - others.keys()):
            yield f"Seed {seed} of {name} has no counterpart in {against} and is excluded from their contrast."
        n = sum(len(own[seed] - others[seed]) for seed in own.keys() & others.keys())
        if n:
            yield (
                f"{plural(n, 'result')} of {name} {'has' if n == 1 else 'have'} no counterpart in {against} and "
                f"{'is' if n == 1 else 'are'} excluded from their contrast; run missing shards with slice.shard_index."
            )


def _instances_by_seed(rows: Iterable[Row]) -> dict[int, set[str]]:
    found: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        found[row["seed"]].add(row["instance_id"])
    return found


def _validity(group: Group) -> Iterator[str]:
    unofficial = sorted({run["harness"] for run in group.runs if not run["official"]})
    if unofficial:
        yield f"Results are unofficial: graded by harness={', '.join(unofficial)}, not by the unchanged SWE-bench harness."
    if any(run["scripted"] for run in group.runs):
        yield "The model is scripted: its answers are predefined, so the results are not evidence about any model."
    if any(run.get("replay") for run in group.runs):
        yield "The model's answers are replayed from an earlier run."
    for name in sorted({run["condition"] for run in group.runs if run.get("gold_context")}):
        yield f"{name} was given the files of the gold patch: an upper bound, not a result."


def _changed(analysis: Analysis) -> Iterator[str]:
    for key in analysis.changed:
        now, then = getattr(analysis, key), (analysis.registered or {})[key]
        yield f"analysis.{key} is {now}, but was registered as {then} before any outcome was seen."


def _unpaired_arms(group: Group, analysis: Analysis) -> Iterator[str]:
    rows = {name: group.arm(name, analysis).rows for name in group.conditions}
    for name in sorted(rows.keys() - {analysis.control}) if analysis.control in rows else ():
        yield from unpaired(analysis.control, rows[analysis.control], name, rows[name])
    if group.runs and analysis.control not in group.conditions:
        yield (
            f"The control {analysis.control} has no run yet: run it, or choose another with analysis.control=; "
            f"this group has {', '.join(group.conditions)}."
        )


def _mixed_conditions(group: Group) -> Iterator[str]:
    """Runs of one name with different condition settings: with equal seeds, one would hide the other."""
    for name in group.conditions:
        manifests = [run["manifest"] for run in group.runs if run["condition"] == name]
        settings = [{"condition": one.get("settings", {}).get("condition", {})} for one in manifests]
        found = [one for other in settings[1:] for one in differences(settings[0], other)]
        if found:
            shown = "; ".join(dict.fromkeys(map(in_words, found[:_SHOWN])))
            yield f"Runs of {name} have different settings: {shown}; give each its own condition.name."


def _documents(group: Group, analysis: Analysis) -> Iterator[str]:
    for name in group.conditions:
        arm = group.arm(name, analysis)
        documents = document_costs.spread(arm.runs, arm.rows)
        if documents is not None:
            yield document_costs.sentence(name, documents)


def _run_differences(group: Group) -> Iterator[str]:
    differing = comparability.group_differences(group.begun)
    if differing:
        shown = "; ".join(map(in_words, differing[:_SHOWN]))
        more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        yield f"Runs of this group differ in more than condition and seed: {shown}{more}."
    n_unlike, n_known = comparability.unlike_prompts(group.rows)
    if n_unlike:
        yield f"The runner's prompts differ between runs for {n_unlike} of {n_known} instances."
