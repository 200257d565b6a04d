"""Merge the shards of a cell into one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from contexttune.experiment.finished_work import is_missing
from contexttune.paths import Layout
from contexttune.report import document_costs
from contexttune.report.cell_states import run_of, shard_of
from contexttune.system.files import read_jsonl, write_jsonl

Row = dict[str, Any]
_STATUSES = ("finished", "running", "interrupted")  # a merged run has the last of these that occurs


def merge(
    runs: Sequence[Mapping[str, Any]], rows: Mapping[str, Sequence[Row]]
) -> tuple[list[dict[str, Any]], list[Row]]:
    """(runs, rows) with each cell's shards merged into one run, named without the shard.

    If a cell was sharded in several ways, an instance may occur twice; it counts once: verdicts take precedence over
    missing data, then fewer shards over more.
    """
    merged, merged_rows = [], []
    for run_id, parts in _by_run(runs):
        statuses = {part["status"] for part in parts}
        status = max(statuses, key=_STATUSES.index)
        whole = {**parts[0], "run_id": run_id, "status": status, "n_shards": len(parts)}
        merged.append(whole | {"documents": document_costs.distinct(parts)})
        kept: dict[str, Row] = {}
        for part in parts:
            for row in rows[part["run_id"]]:
                known = kept.get(row["instance_id"])
                if known is None or (is_missing(known) and not is_missing(row)):
                    kept[row["instance_id"]] = {**row, "run_id": run_id, "part_id": part["run_id"]}
        merged_rows += [kept[name] for name in sorted(kept)]
    return merged, merged_rows


def merge_predictions(layout: Layout, group_id: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Write one preds.jsonl for every run that consists of shards."""
    for run_id, parts in _by_run(runs):
        if any(part["run_id"] == run_id for part in parts):  # an unsharded run has written this file
            continue
        merged = layout.predictions(group_id, run_id)
        sources = [layout.predictions(group_id, part["run_id"]) for part in parts]
        if _is_newer(merged, sources):  # every job of a sweep calls this
            continue
        kept: dict[str, Row] = {}
        for path in reversed(sources):
            kept |= {p["instance_id"]: p for p in read_jsonl(path)}
        write_jsonl(merged, [kept[name] for name in sorted(kept)])


def _is_newer(path: Path, sources: Sequence[Path]) -> bool:
    times = [source.stat().st_mtime_ns for source in sources if source.exists()]
    return path.exists() and path.stat().st_mtime_ns > max(times, default=0)


def _by_run(runs: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    def order(run: Mapping[str, Any]) -> tuple[str, int, int]:
        index, count = shard_of(run["run_id"])
        return run_of(run["run_id"]), count, index

    return [
        (name, list(parts))
        for name, parts in groupby(sorted(runs, key=order), key=lambda run: run_of(run["run_id"]))
    ]
