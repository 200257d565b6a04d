"""Rows of results: for each instance of a run, its outcome and its usage."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contexttune.errors import ConfigError
from contexttune.experiment.finished_work import FinishedWork, is_missing, outcome_of
from contexttune.paths import Layout
from contexttune.system.files import read_jsonl, write_jsonl
from contexttune.types import Outcome

Row = dict[str, Any]

_FROM_RUN = ("run_id", "condition", "seed", "harness", "official")
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_FROM_ATTEMPT = (
    *("exit_status", "n_calls", "n_steps", *_TOKENS, "cost_usd", "wall_s"),
    *("context_chars", "patch_chars", "prompts_sha256"),
)
COLUMNS = (
    *_FROM_RUN[:3],
    *("instance_id", "repo", "outcome", "attempt_status"),
    *_FROM_ATTEMPT[:-1],
    "steps_to_patch",
    *_FROM_RUN[3:],
    "difficulty",
)


def run_rows(layout: Layout, run: Mapping[str, Any]) -> list[Row]:
    """One row per instance of a run, including those that it has not reached.

    Raises ConfigError when an instance_id cannot be a file name.
    """
    if run["status"] == "finished" and (kept := kept_rows(layout, run)):
        return [row for row in kept if require_name(row["instance_id"], run)]
    return recorded_rows(layout, run)


def kept_rows(layout: Layout, run: Mapping[str, Any]) -> list[Row]:
    """The rows that `keep_rows` wrote; [] where there are none."""
    return read_jsonl(_kept(layout, run))


def recorded_rows(layout: Layout, run: Mapping[str, Any]) -> list[Row]:
    """The rows made from the records of attempts and verdicts. Raises ConfigError as `run_rows` does."""
    done = FinishedWork(layout, run["group_id"], run["run_id"])
    verdicts = done.verdicts()
    rows = []
    for instance in run["instances"]:
        name = require_name(instance["instance_id"], run)
        attempt = done.attempt(name) or {}
        row = {key: run[key] for key in _FROM_RUN} | instance
        row |= {"outcome": outcome_of(attempt, verdicts.get(name)).value}
        row |= {"attempt_status": attempt.get("status", "")}
        row |= {key: attempt.get(key) for key in _FROM_ATTEMPT}
        uptake = attempt.get("uptake") or {}
        rows.append(row | {"steps_to_patch": uptake.get("first_touch_of_patch")})
    return rows


def require_name(name: str, run: Mapping[str, Any]) -> str:
    """Return `name` if it is safe as part of a path: a record from somebody else may have `../..`."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ConfigError(
            f"run {run['run_id']} of group {run['group_id']} has an instance called {name!r}, which cannot be a file name"
        )
    return name


def keep_rows(layout: Layout, run: Mapping[str, Any]) -> None:
    """Write all rows of a finished run into one file, so that a report need not open thousands."""
    write_jsonl(_kept(layout, run), recorded_rows(layout, run))


def paired_shares(
    rows: Iterable[Mapping[str, Any]], control: str, treatment: str
) -> tuple[float, float] | None:
    """Resolved shares of one instance in (control, treatment), over the seeds for which both arms have a verdict.

    None where there is no such seed.
    """
    arms: dict[str, dict[int, bool]] = {control: {}, treatment: {}}
    for row in rows:
        if row["condition"] in arms and not is_missing(row):
            arms[row["condition"]][row["seed"]] = row["outcome"] == Outcome.RESOLVED
    seeds = arms[control].keys() & arms[treatment].keys()
    if not seeds:
        return None
    before, after = (sum(arms[name][seed] for seed in seeds) / len(seeds) for name in (control, treatment))
    return before, after


def as_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> str:
    """Rows as CSV with a header, with these columns, or with all columns of the first row."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, columns or list(rows[0]), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()


def _kept(layout: Layout, run: Mapping[str, Any]) -> Path:
    return layout.run(run["group_id"], run["run_id"]) / "rows.jsonl"
