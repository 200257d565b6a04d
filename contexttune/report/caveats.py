"""What anyone who quotes a number of this group should know."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from contexttune.analysis.number_format import counted
from contexttune.config.differences import differences, in_words
from contexttune.experiment.rows import Row
from contexttune.report import comparability, document_costs
from contexttune.report.group import Group
from contexttune.report.registered_analysis import Analysis

_SHOWN = 5  # differences; run.json has all


def remarks(group: Group, analysis: Analysis) -> list[str]:
    """One sentence each, the gravest first."""
    return [
        *(*_worth(group), *_changed(analysis), *_mixed(group), *_arms(group, analysis)),
        *(*_unlike(group), *_documents(group, analysis)),
    ]


def of_one_side(group: Group, analysis: Analysis) -> list[str]:
    """The same of a group that is compared with another or with itself: its own control has no part in that."""
    return [*_worth(group), *_changed(analysis), *_unlike(group), *_documents(group, analysis)]


def unpaired(one: str, its_rows: Iterable[Row], other: str, other_rows: Iterable[Row]) -> Iterator[str]:
    """What only one of two arms was run on, and no contrast can use: whole seeds, and instances as of a lone shard."""
    its, theirs = _seeds(its_rows), _seeds(other_rows)
    for name, own, against, others in ((one, its, other, theirs), (other, theirs, one, its)):
        for seed in sorted(own.keys() - others.keys()):
            yield f"seed {seed} of {name} has no counterpart in {against} and is not part of their contrast."
        n = sum(len(own[seed] - others[seed]) for seed in own.keys() & others.keys())
        if n:
            yield (
                f"{counted(n, 'result')} of {name} {'is' if n == 1 else 'are'} of instances that {against} was not run on "
                f"with that seed, and not part of their contrast; where shards of it are lacking, slice.shard_index runs them."
            )


def _seeds(rows: Iterable[Row]) -> dict[int, set[str]]:
    """seed -> names of its instances."""
    found: dict[int, set[str]] = defaultdict(set)
    for row in rows:
        found[row["seed"]].add(row["instance_id"])
    return found


def _worth(group: Group) -> Iterator[str]:
    unofficial = sorted({run["harness"] for run in group.runs if not run["official"]})
    if unofficial:
        yield f"unofficial: graded by harness={', '.join(unofficial)}, not by the unchanged SWE-bench harness."
    if any(run["scripted"] for run in group.runs):
        yield "The model is scripted: its answers were written beforehand, and the result is no evidence."
    if any(run.get("replay") for run in group.runs):
        yield "A replay: the model's answers are those of an earlier run, and no endpoint was asked."
    for name in sorted({run["condition"] for run in group.runs if run.get("gold_context")}):
        yield f"{name} was given the gold patch's files: an upper bound, never a result."


def _changed(analysis: Analysis) -> Iterator[str]:
    for key in analysis.changed:
        now, then = getattr(analysis, key), (analysis.registered or {})[key]
        yield f"analysis.{key} is {now}; before an outcome was seen it was registered as {then}."


def _arms(group: Group, analysis: Analysis) -> Iterator[str]:
    rows = {
        name: [row for row in group.rows if row["condition"] == name and analysis.looks_at(row["seed"])]
        for name in group.conditions
    }
    for name in sorted(rows.keys() - {analysis.control}) if analysis.control in rows else ():
        yield from unpaired(analysis.control, rows[analysis.control], name, rows[name])
    if group.runs and analysis.control not in group.conditions:
        yield (
            f"No run of the control {analysis.control} yet: run it, or name another by analysis.control=; "
            f"this group has {', '.join(group.conditions)}."
        )


def _mixed(group: Group) -> Iterator[str]:
    """Arms whose runs are not of one condition: of two with the same seed, one would hide the other."""
    for name in group.conditions:
        settings = [_settings(run) for run in group.runs if run["condition"] == name]
        found = [one for other in settings[1:] for one in differences(settings[0], other)]
        if found:
            shown = "; ".join(dict.fromkeys(map(in_words, found[:_SHOWN])))
            yield f"Runs of {name} are not of one condition: {shown}; condition.name tells such apart."


def _settings(run: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"condition": run["manifest"].get("settings", {}).get("condition", {})}


def _documents(group: Group, analysis: Analysis) -> Iterator[str]:
    for name in group.conditions:
        written = document_costs.spread(
            [run for run in group.runs if run["condition"] == name and analysis.looks_at(run["seed"])],
            [row for row in group.rows if row["condition"] == name and analysis.looks_at(row["seed"])],
        )
        if written is not None:
            yield document_costs.words(name, written)


def _unlike(group: Group) -> Iterator[str]:
    differing = comparability.among(group.begun)
    if differing:
        shown = "; ".join(map(in_words, differing[:_SHOWN]))
        more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        yield f"Runs of this group differ in more than condition and seed: {shown}{more}."
    n_unlike, n_known = comparability.unlike_prompts(group.rows)
    if n_unlike:
        yield f"The runner's own prompts are not the same in all runs, for {n_unlike} of {n_known} instances."
