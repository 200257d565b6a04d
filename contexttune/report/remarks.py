"""What anyone who quotes a number of this group should know."""

from __future__ import annotations

from collections.abc import Iterator

from contexttune.differences import in_words
from contexttune.report import sameness
from contexttune.report.group import Group
from contexttune.report.registered import Analysis

_SHOWN = 5  # differences; run.json has all


def remarks(group: Group, analysis: Analysis) -> list[str]:
    """One sentence each, the gravest first."""
    return [*_worth(group), *_arms(group, analysis), *_unlike(group)]


def _worth(group: Group) -> Iterator[str]:
    unofficial = sorted({run["harness"] for run in group.runs if not run["official"]})
    if unofficial:
        yield f"unofficial: graded by harness={', '.join(unofficial)}, not by the unchanged SWE-bench harness."
    if any(run["scripted"] for run in group.runs):
        yield "The model is scripted: its answers were written beforehand, and the result is no evidence."
    if any(run.get("replay") for run in group.runs):
        yield "A replay: the model's answers are those of an earlier run, and no endpoint was asked."


def _arms(group: Group, analysis: Analysis) -> Iterator[str]:
    for key in analysis.changed:
        now, then = getattr(analysis, key), (analysis.registered or {})[key]
        yield f"analysis.{key} is {now}; before an outcome was seen it was registered as {then}."
    seeds = {
        name: {
            run["seed"] for run in group.runs if run["condition"] == name and analysis.looks_at(run["seed"])
        }
        for name in group.conditions
    }
    for name in sorted(seeds.keys() - {analysis.control}) if analysis.control in seeds else ():
        for one, other in ((analysis.control, name), (name, analysis.control)):
            for seed in sorted(seeds[one] - seeds[other]):
                yield f"seed {seed} of {one} has no counterpart in {other} and is not part of their contrast."
    if group.runs and analysis.control not in group.conditions:
        yield (
            f"No run of the control {analysis.control} yet: run it, or name another by analysis.control=; "
            f"this group has {', '.join(group.conditions)}."
        )


def _unlike(group: Group) -> Iterator[str]:
    differing = sameness.among(group.begun)
    if differing:
        shown = "; ".join(map(in_words, differing[:_SHOWN]))
        more = f"; and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
        yield f"Runs of this group differ in more than condition and seed: {shown}{more}."
    n_unlike, n_known = sameness.unlike_prompts(group.rows)
    if n_unlike:
        yield f"The runner's own prompts are not the same in all runs, for {n_unlike} of {n_known} instances."
