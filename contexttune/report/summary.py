"""Rebuilds a group's summary from its records on disk, however its runs ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from contexttune.config.schema import AnalysisConfig
from contexttune.experiment.rows import as_csv
from contexttune.instances import health_records
from contexttune.paths import Layout
from contexttune.report import group, markdown, shards
from contexttune.report.caveats import remarks
from contexttune.report.flaky import flaky
from contexttune.report.group import Group
from contexttune.report.registered_analysis import Analysis, analysis_of
from contexttune.system.files import locked, write_atomic, write_json

if TYPE_CHECKING:
    from contexttune.analysis.evidence import Contrast
    from contexttune.analysis.outcomes import Arm
    from contexttune.report.summary_schema import Condition

_OF_A_RUN = ("run_id", "condition", "seed", "status", "n_shards", "model_name_or_path", "manifest")


def rebuild(
    layout: Layout,
    group_id: str,
    config: AnalysisConfig | None = None,
    typed: Sequence[str] | None = None,
) -> dict[str, Any]:
    """The summary that `write` writes, of the same arguments."""
    return write(layout, group_id, config, typed)[0]


def write(
    layout: Layout,
    group_id: str,
    config: AnalysisConfig | None = None,
    typed: Sequence[str] | None = None,
) -> tuple[dict[str, Any], Group]:
    """Write summary.json, with summary.md, instances.csv and the predictions of runs that came in shards.

    `config` and `typed` are as in `analysis_of`. Returns the summary, and the group as it was read.
    Raises ConfigError when the group has no run and none was planned.
    """
    home = layout.group(group_id)
    group.require(layout, group_id)
    with locked(home / "summary.lock"):
        found = group.read(layout, group_id)
        shards.merge_predictions(layout, group_id, found.begun)
        summary = summarize(layout, found, analysis_of(layout, group_id, config, typed))
        write_atomic(home / "instances.csv", as_csv(found.rows))
        write_json(home / "summary.json", summary)
        write_atomic(home / "summary.md", markdown.page(summary))
    return summary, found


def summarize(layout: Layout, found: Group, analysis: Analysis) -> dict[str, Any]:
    """The summary of runs that share everything but condition, seed and shard, as JSON values."""
    from contexttune.analysis import outcomes
    from contexttune.report import summary_schema

    arms = outcomes.arms(found.rows, found.conditions, analysis.seeds)
    names = sorted({row["instance_id"] for row in found.rows})
    summary = summary_schema.Summary(
        schema_version=summary_schema.SCHEMA_VERSION,
        group_id=found.group_id,
        harness=found.runs[0]["harness"] if found.runs else None,
        official=all(run["official"] for run in found.runs),
        scripted=any(run["scripted"] for run in found.runs),
        replay=any(run.get("replay") for run in found.runs),
        n_instances=len(names),
        analysis=analysis,
        conditions=_conditions(found, arms, analysis),
        contrasts=_contrasts(found, arms, analysis),
        cells=[summary_schema.Cell(**state.as_json()) for state in found.states],
        runs=[summary_schema.Run(**{key: run[key] for key in _OF_A_RUN}) for run in found.runs],
        health=health_records.of_group(layout, found.group_id, names) if names else None,
        flaky=flaky(layout, found.begun),
        warnings=remarks(found, analysis),
    )
    return summary_schema.as_json(summary)


def _conditions(found: Group, arms: Mapping[str, Arm], analysis: Analysis) -> dict[str, Condition]:
    from contexttune.report.condition_summary import condition

    runs = [run for run in found.runs if analysis.looks_at(run["seed"])]
    return {
        name: condition(
            arm,
            [run for run in runs if run["condition"] == name],
            [row for row in found.rows if row["condition"] == name and analysis.looks_at(row["seed"])],
        )
        for name, arm in arms.items()
    }


def _contrasts(found: Group, arms: Mapping[str, Arm], analysis: Analysis) -> list[Contrast]:
    if analysis.control not in arms or len(arms) < 2:
        return []
    from contexttune.analysis.contrasts import contrasts

    unfinished: dict[str, list[str]] = {}
    for cell in found.states:
        if analysis.looks_at(cell.seed) and cell.is_open:
            unfinished.setdefault(cell.condition, []).append(cell.words)
    return contrasts(arms, control=analysis.control, margin=analysis.margin, unfinished=unfinished)
