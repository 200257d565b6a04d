"""Rebuild a group's summary from its records on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from contexttune.analysis.evidence import Contrast
from contexttune.config.schema import AnalysisConfig
from contexttune.experiment.rows import COLUMNS, as_csv
from contexttune.instances import health_records
from contexttune.paths import Layout
from contexttune.report import group, shards, summary_schema
from contexttune.report.caveats import group_caveats
from contexttune.report.condition_summary import summarize_condition
from contexttune.report.flaky import flaky_gradings
from contexttune.report.group import Group
from contexttune.report.registered_analysis import Analysis, analysis_of
from contexttune.report.templates import render
from contexttune.system.files import locked, write_atomic, write_json


def rebuild(
    layout: Layout,
    group_id: str,
    config: AnalysisConfig | None = None,
    typed: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Write the summary, as `write` does, and return it."""
    return write(layout, group_id, config, typed)[0]


def write(
    layout: Layout,
    group_id: str,
    config: AnalysisConfig | None = None,
    typed: Sequence[str] | None = None,
) -> tuple[dict[str, Any], Group]:
    """Write summary.json, summary.md, instances.csv and the merged predictions of sharded runs.

    `config` and `typed` are those of `analysis_of`. Returns the summary and the group that it was made from.
    Raises ConfigError if the group has no run, begun or planned.
    """
    home = layout.group(group_id)
    group.require(layout, group_id)
    with locked(home / "summary.lock"):
        found = group.read(layout, group_id)
        shards.merge_predictions(layout, group_id, found.begun)
        summary = summarize(layout, found, analysis_of(layout, group_id, config, typed))
        write_atomic(home / "instances.csv", as_csv(found.rows, COLUMNS))
        write_json(home / "summary.json", summary)
        write_atomic(home / "summary.md", page_of(summary))
    return summary, found


def page_of(summary: Mapping[str, Any]) -> str:
    """summary.md of a summary."""
    return render("report/summary.md.jinja", summary=summary, differing=[])


def summarize(layout: Layout, found: Group, analysis: Analysis) -> dict[str, Any]:
    """Summarize a group as JSON values."""
    from contexttune.analysis import outcomes

    arms = outcomes.arms(found.rows, found.conditions, analysis.seeds)
    records = {name: found.arm(name, analysis) for name in arms}
    contrasts: list[Contrast] = []
    if analysis.control in arms and len(arms) > 1:
        from contexttune.analysis.contrasts import contrast_arms  # takes a second to import

        unfinished = {name: arm.unfinished for name, arm in records.items()}
        contrasts = contrast_arms(
            arms, control=analysis.control, margin=analysis.margin, unfinished=unfinished
        )
    names = sorted({row["instance_id"] for row in found.rows})
    run_keys = [field.name for field in fields(summary_schema.Run)]
    summary = summary_schema.Summary(
        schema_version=summary_schema.SCHEMA_VERSION,
        group_id=found.group_id,
        harness=found.runs[0]["harness"] if found.runs else None,
        official=all(run["official"] for run in found.runs),
        scripted=any(run["scripted"] for run in found.runs),
        replay=any(run.get("replay") for run in found.runs),
        n_instances=len(names),
        analysis=analysis,
        conditions={
            name: summarize_condition(arm, records[name].runs, records[name].rows)
            for name, arm in arms.items()
        },
        contrasts=contrasts,
        cells=found.states,
        runs=[summary_schema.Run(**{key: run[key] for key in run_keys}) for run in found.runs],
        health=health_records.of_group(layout, found.group_id, names) if names else None,
        flaky=flaky_gradings(layout, found.begun),
        warnings=group_caveats(found, analysis),
    )
    return summary_schema.as_json(summary)
