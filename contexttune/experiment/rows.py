"""One row an instance and run: what became of it, and what it took."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from contexttune.errors import ConfigError
from contexttune.paths import Layout
from contexttune.system.files import read_json, read_jsonl, write_jsonl
from contexttune.types import AttemptStatus, Outcome

Row = dict[str, Any]

_FROM_RUN = ("run_id", "condition", "seed", "harness", "official")
_TOKENS = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
_FROM_ATTEMPT = (
    *("exit_status", "n_calls", "n_steps", *_TOKENS, "cost_usd", "wall_s"),
    *("context_chars", "patch_chars", "prompts_sha256"),
)
_COLUMNS = (
    *_FROM_RUN[:3],
    *("instance_id", "repo", "outcome", "attempt_status"),
    *_FROM_ATTEMPT[:-1],
    "steps_to_patch",
    *_FROM_RUN[3:],
    "difficulty",
)


def run_rows(layout: Layout, run: Mapping[str, Any]) -> list[Row]:
    """One row an instance of the run, also for those that it has not reached.

    Raises ConfigError when an instance is called what cannot be a file's name.
    """
    if run["status"] == "finished" and (kept := kept_rows(layout, run)):
        return [row for row in kept if require_name(row["instance_id"], run)]
    return recorded_rows(layout, run)


def kept_rows(layout: Layout, run: Mapping[str, Any]) -> list[Row]:
    """Those of `keep_rows`; [] where there are none."""
    return read_jsonl(_kept(layout, run))


def recorded_rows(layout: Layout, run: Mapping[str, Any]) -> list[Row]:
    """From the records of attempts and verdicts themselves. Raises ConfigError as `run_rows` does."""
    group_id, run_id = run["group_id"], run["run_id"]
    outcomes = read_json(layout.run(group_id, run_id) / "outcomes.json") or {}
    rows = []
    for instance in run["instances"]:
        name = require_name(instance["instance_id"], run)
        attempt = read_json(layout.instance(group_id, run_id, name) / "attempt.json") or {}
        row = {key: run[key] for key in _FROM_RUN} | instance
        row |= {"outcome": _outcome(attempt, outcomes.get(name)), "attempt_status": attempt.get("status", "")}
        row |= {key: attempt.get(key) for key in _FROM_ATTEMPT}
        uptake = attempt.get("uptake") or {}
        rows.append(row | {"steps_to_patch": uptake.get("first_touch_of_patch")})
    return rows


def require_name(name: str, run: Mapping[str, Any]) -> str:
    """The name, which becomes part of a path: a record of other people's may hold `../..`."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ConfigError(f"run {run['run_id']} of group {run['group_id']} has an instance called {name!r}")
    return name


def keep_rows(layout: Layout, run: Mapping[str, Any]) -> None:
    """Put the rows of a run that is about to be called finished into one file: a report need not open thousands."""
    write_jsonl(_kept(layout, run), recorded_rows(layout, run))


def is_missing(row: Mapping[str, Any]) -> bool:
    """Whether there is no verdict: an outage of the endpoint, the harness or the run itself."""
    return not Outcome(row["outcome"]).is_verdict


def paired_shares(
    rows: Iterable[Mapping[str, Any]], control: str, treatment: str
) -> tuple[float, float] | None:
    """Resolved shares of one instance's rows, over the seeds that both arms have a verdict for, as contrasts have them.

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


def as_csv(rows: Sequence[Row]) -> str:
    """instances.csv."""
    sink = io.StringIO()
    writer = csv.DictWriter(sink, _COLUMNS, lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return sink.getvalue()


def _kept(layout: Layout, run: Mapping[str, Any]) -> Path:
    return layout.run(run["group_id"], run["run_id"]) / "rows.jsonl"


def _outcome(attempt: Mapping[str, Any], verdict: Mapping[str, Any] | None) -> str:
    """The harness's verdict on this attempt's patch; an outage of either is one; else missing."""
    if attempt.get("status") == AttemptStatus.INFRA_ERROR:
        return Outcome.INFRA_ERROR.value
    if verdict is None or verdict["patch_sha256"] != attempt.get("patch_sha256"):
        return Outcome.MISSING.value
    return str(verdict["outcome"])
