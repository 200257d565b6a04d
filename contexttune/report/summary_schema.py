"""summary.json, schema version 2: the nouns of a whole group. `make schema` publishes them in docs/summary.schema.json."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from contexttune.analysis.evidence import Contrast, Interval, Repeats
from contexttune.report.registered_analysis import Analysis

SCHEMA_VERSION: Literal[2] = 2


@dataclass(frozen=True, kw_only=True)
class Documents:
    """What models wrote for an arm before its attempts, each document once for all runs; in no other number of the summary.

    Attributes:
        models: names of those that wrote.
        n_calls, prompt_tokens, completion_tokens: sums; null as soon as one is unknown.
        cost_usd: likewise, whoever paid: another run, or another group, may have.
        n_attempts: of the arm, those that an outage cost left out.
        tokens_per_attempt, usd_per_attempt: the sums / n_attempts; null without an attempt.
    """

    n_documents: int
    models: list[str]
    n_calls: int
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    n_attempts: int
    tokens_per_attempt: float | None
    usd_per_attempt: float | None


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One arm.

    Attributes:
        runs: that have begun, shards of a cell as one.
        planned: results that these runs were to give.
        total: results that are measurements; an outage is missing data and in no denominator.
        resolved: of these.
        rate: resolved / total.
        rate_ci95: over instances, seeds averaged inside an instance; Wilson's, for several seeds of as many results as they are worth.
        outcomes, attempts: how many ended in which way.
        n_calls, n_steps, prompt_tokens, completion_tokens, wall_s: sums over all attempts.
        cost_usd: null as soon as one attempt's cost is unknown.
        repeats: null without a measured result.
        documents: null where no model wrote the context.
    """

    runs: int
    planned: int
    total: int
    resolved: int
    rate: float | None
    rate_ci95: Interval | None
    outcomes: dict[str, int]
    attempts: dict[str, int]
    n_calls: int | None
    n_steps: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    cost_usd: float | None
    wall_s: float
    repeats: Repeats | None
    documents: Documents | None


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Condition x seed x shard, and why it is not finished."""

    run_id: str
    condition: str
    seed: int
    state: Literal["finished", "incomplete", "running", "failed", "missing"]
    reason: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """A run, its shards as one, and the manifest of what it was made of."""

    run_id: str
    condition: str
    seed: int
    status: Literal["running", "finished", "interrupted"]
    n_shards: int
    model_name_or_path: str
    manifest: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A group: what was run, what came of it, and what it says about each condition.

    Attributes:
        official: every verdict is the unchanged SWE-bench harness's.
        scripted: answers were written beforehand: no evidence about any model.
        replay: answers are those of an earlier run.
        n_instances: with a row in any run.
        conditions: by name.
        contrasts: every condition against the control; empty while the group has no other or no control.
        health: what the reference patches and unchanged repositories did here; `ceiling` is the highest rate to be had.
        flaky: results that came out otherwise when they were graded again.
        warnings: what anyone who quotes a number from here should know.
    """

    schema_version: Literal[2]
    group_id: str
    harness: str | None
    official: bool
    scripted: bool
    replay: bool
    n_instances: int
    analysis: Analysis
    conditions: dict[str, Condition]
    contrasts: list[Contrast]
    cells: list[Cell]
    runs: list[Run]
    health: dict[str, Any] | None
    flaky: list[dict[str, Any]]
    warnings: list[str]


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as JSON values."""
    return {key: _plain(value) for key, value in asdict(summary).items()}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of summary.json."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Summary).json_schema(mode="serialization")
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ContextTune summary.json, version 2",
    }
    return schema | head


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


if __name__ == "__main__":
    import sys
    from pathlib import Path

    from contexttune.system.files import write_json

    write_json(Path(sys.argv[1]), json_schema())
