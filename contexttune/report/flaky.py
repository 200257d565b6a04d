"""Flaky gradings: predictions that got another verdict when graded again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from contexttune.experiment.rows import run_rows
from contexttune.paths import Layout
from contexttune.report.cell_states import run_of
from contexttune.system.files import read_json
from contexttune.types import Outcome


def flaky_gradings(layout: Layout, runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Find flaky gradings in `runs`, the records on disk with shards separate.

    Each entry has `instance_id`, `run_id` (without the shard), `condition`, `seed`, `outcome` (the run's) and `again`
    (the later outcomes in order).
    """
    found = []
    for run in runs:
        again = _again(layout, run)
        for row in run_rows(layout, run) if again else ():
            later = again.get(row["instance_id"], [])
            if Outcome(row["outcome"]).is_verdict and any(outcome != row["outcome"] for outcome in later):
                entry = {key: row[key] for key in ("instance_id", "condition", "seed", "outcome")}
                found.append(entry | {"run_id": run_of(run["run_id"]), "again": later})
    return sorted(found, key=lambda entry: (entry["instance_id"], entry["condition"], entry["seed"]))


def _again(layout: Layout, run: Mapping[str, Any]) -> dict[str, list[str]]:
    """instance_id -> later verdicts on its current prediction."""
    kept = read_json(layout.reevaluations(run["group_id"], run["run_id"])) or {}
    outcomes = read_json(layout.run(run["group_id"], run["run_id"]) / "outcomes.json") or {}
    return {
        name: [entry["again"][number] for number in sorted(entry["again"], key=int)]
        for name, entry in kept.items()
        if outcomes.get(name, {}).get("patch_sha256") == entry["patch_sha256"]
    }
