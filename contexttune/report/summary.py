"""Rebuilds a group's summary from its records on disk, however its runs ended."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from contexttune.errors import ConfigError
from contexttune.paths import Layout
from contexttune.report import cells, shards
from contexttune.report.cells import CellState
from contexttune.store import locked, read_json, read_jsonl, write_atomic, write_json, write_jsonl
from contexttune.types import AttemptStatus, Outcome

SCHEMA_VERSION = 1
CONTROL, TREATMENT = "no_context", "baseline_context"
_FROM_RUN = ("run_id", "condition", "seed", "harness", "official")
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_FROM_ATTEMPT = (
    *("exit_status", "n_calls", "n_steps", *_TOKENS, "cost_usd", "wall_s"),
    *("context_chars", "patch_chars"),
)
_COLUMNS = (
    *_FROM_RUN[:3],
    "instance_id",
    "repo",
    "outcome",
    "attempt_status",
    *_FROM_ATTEMPT,
    *_FROM_RUN[3:],
    "difficulty",
)

Row = dict[str, Any]


def rebuild(layout: Layout, group_id: str) -> dict[str, Any]:
    """Write and return summary.json, with instances.csv beside it, and the predictions of runs that came in shards.

    Raises ConfigError when the group has no run and none was planned.
    """
    home = layout.group(group_id)
    if not has_runs(layout, group_id):
        groups = sorted(path.parent.name for path in layout.results.glob("*/group.json"))
        raise ConfigError(
            f"group_id={group_id} has no run under {layout.results}; groups there: {', '.join(groups) or 'none'}"
        )
    with locked(home / "summary.lock"):
        runs, planned = cells.read_runs(layout, group_id), cells.read_planned(layout, group_id)
        rows = {run["run_id"]: run_rows(layout, run) for run in runs}
        n_missing = {run_id: sum(map(_is_missing, own)) for run_id, own in rows.items()}
        states = cells.states(layout, group_id, runs, planned, n_missing)
        merged, merged_rows = shards.merge(runs, rows)
        shards.merge_predictions(layout, group_id, runs)
        summary = summarize(group_id, merged, merged_rows, states)
        write_atomic(home / "instances.csv", _csv(merged_rows))
        write_json(home / "summary.json", summary)
    return summary


def has_runs(layout: Layout, group_id: str) -> bool:
    """Whether there is anything to report: a run, or the plan of one."""
    home = layout.group(group_id)
    return any(home.glob("runs/*/run.json")) or any(home.glob("runs/*/cell.json"))


def run_rows(layout: Layout, run: Mapping[str, Any]) -> list[Row]:
    """One row an instance of the run, also for those that it has not reached."""
    if run["status"] == "finished" and (kept := read_jsonl(_rows_path(layout, run))):
        return kept
    group_id, run_id = run["group_id"], run["run_id"]
    outcomes = read_json(layout.run(group_id, run_id) / "outcomes.json") or {}
    rows = []
    for instance in run["instances"]:
        name = instance["instance_id"]
        attempt = read_json(layout.instance(group_id, run_id, name) / "attempt.json") or {}
        row = {key: run[key] for key in _FROM_RUN} | instance
        row |= {"outcome": _outcome(attempt, outcomes.get(name)), "attempt_status": attempt.get("status", "")}
        rows.append(row | {key: attempt.get(key) for key in _FROM_ATTEMPT})
    return rows


def keep_rows(layout: Layout, run: Mapping[str, Any]) -> None:
    """Put the rows of a run that is about to be called finished into one file: a report need not open thousands."""
    write_jsonl(_rows_path(layout, run), run_rows(layout, run))


def _rows_path(layout: Layout, run: Mapping[str, Any]) -> Path:
    return layout.run(run["group_id"], run["run_id"]) / "rows.jsonl"


def _is_missing(row: Row) -> bool:
    return not Outcome(row["outcome"]).is_verdict


def _outcome(attempt: Mapping[str, Any], verdict: Mapping[str, Any] | None) -> str:
    """The harness's verdict on this attempt's patch; an outage of either is one; else missing."""
    if attempt.get("status") == AttemptStatus.INFRA_ERROR:
        return Outcome.INFRA_ERROR.value
    if verdict is None or verdict["patch_sha256"] != attempt.get("patch_sha256"):
        return Outcome.MISSING.value
    return str(verdict["outcome"])


def summarize(
    group_id: str, runs: Sequence[Mapping[str, Any]], rows: Sequence[Row], states: Sequence[CellState]
) -> dict[str, Any]:
    """The summary of runs that share everything but condition and seed."""
    conditions = {name: _condition(name, runs, rows) for name in sorted({run["condition"] for run in runs})}
    summary: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "group_id": group_id,
        "cells": [state.as_json() for state in states],
        "harness": runs[0]["harness"] if runs else None,
        "official": all(run["official"] for run in runs),
        "scripted": any(run["scripted"] for run in runs),
        "replay": any(run.get("replay") for run in runs),
        "n_instances": len({row["instance_id"] for row in rows}),
        "conditions": conditions,
        "runs": [
            {
                key: run[key]
                for key in (
                    *("run_id", "condition", "seed", "status", "n_shards"),
                    *("model_name_or_path", "manifest"),
                )
            }
            for run in runs
        ],
    }
    if CONTROL in conditions and TREATMENT in conditions:
        summary["delta"] = _delta(rows)
    return summary


def _condition(name: str, runs: Sequence[Mapping[str, Any]], rows: Sequence[Row]) -> dict[str, Any]:
    own = [row for row in rows if row["condition"] == name]
    outcomes = {o.value: sum(row["outcome"] == o.value for row in own) for o in Outcome}
    measured = [row for row in own if Outcome(row["outcome"]).is_verdict]
    return {
        "resolved": outcomes["resolved"],
        "total": len(measured),  # an outage is missing data and in no denominator
        "rate": outcomes["resolved"] / len(measured) if measured else None,
        "planned": len(own),
        "outcomes": outcomes,
        "runs": sum(run["condition"] == name for run in runs),
        "prompt_tokens": _total(own, "prompt_tokens"),
        "completion_tokens": _total(own, "completion_tokens"),
        "cost_usd": _cost_usd(own),
        "wall_s": round(sum(row["wall_s"] or 0 for row in own), 3),
    }


def _total(rows: Sequence[Row], key: str) -> int | None:
    counted = [row[key] for row in rows if row[key] is not None]
    return sum(counted) if counted else None


def _cost_usd(rows: Sequence[Row]) -> float | None:
    """None as soon as one attempt's cost is unknown: a sum of the others would be no lower bound of anything."""
    costs = [row["cost_usd"] for row in rows if row["attempt_status"]]
    return None if not costs or None in costs else round(sum(costs), 6)


def _delta(rows: Sequence[Row]) -> dict[str, Any]:
    """Treatment minus control over instances that both measured, seeds averaged inside an instance."""
    arms = [_rates(rows, name) for name in (CONTROL, TREATMENT)]
    pairs = [(arms[0][i], arms[1][i]) for i in sorted(arms[0].keys() & arms[1].keys())]
    return {
        "control": CONTROL,
        "treatment": TREATMENT,
        "n_pairs": len(pairs),
        "difference": sum(b - a for a, b in pairs) / len(pairs) if pairs else None,
        "n_better": sum(b > a for a, b in pairs),
        "n_worse": sum(b < a for a, b in pairs),
    }


def _rates(rows: Sequence[Row], condition: str) -> dict[str, float]:
    """instance_id -> share of its measured runs in which it was resolved."""
    by_instance: dict[str, list[bool]] = {}
    for row in rows:
        if row["condition"] == condition and Outcome(row["outcome"]).is_verdict:
            by_instance.setdefault(row["instance_id"], []).append(row["outcome"] == Outcome.RESOLVED)
    return {name: sum(resolved) / len(resolved) for name, resolved in by_instance.items()}


def _csv(rows: Sequence[Row]) -> str:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()
