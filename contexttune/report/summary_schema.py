"""summary.json, schema version 2. `make schema` writes docs/summary.schema.json."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from contexttune.analysis.evidence import Contrast, Interval, Repeats
from contexttune.report.cell_states import CellState
from contexttune.report.registered_analysis import Analysis

SCHEMA_VERSION: Literal[2] = 2


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Documents that models wrote for a condition, each counted once; not included in any other cost.

    Attributes:
        models: names of the models that wrote them.
        n_calls, prompt_tokens, completion_tokens: sums; null if any is unknown.
        cost_usd: the same, even if another run or group paid.
        n_attempts: attempts of the condition, without those lost to outages.
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
    """Totals of one condition.

    Attributes:
        runs: runs that have begun, the shards of a cell counted as one.
        planned: results that these runs should give.
        total: measured results; those lost to outages are missing data and in no denominator.
        resolved: resolved results.
        rate: resolved / total.
        rate_ci95: Wilson's interval over instances, with the effective sample size for several seeds.
        outcomes, attempts: number of results by outcome, and of attempts by status.
        n_calls, n_steps, prompt_tokens, completion_tokens, wall_s: sums over all attempts.
        cost_usd: null if any attempt's cost is unknown.
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
class Run:
    """A run, its shards merged, and its manifest."""

    run_id: str
    condition: str
    seed: int
    status: Literal["running", "finished", "interrupted"]
    n_shards: int
    model_name_or_path: str
    manifest: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A group: its runs, conditions and contrasts.

    Attributes:
        official: all results were graded by the unchanged SWE-bench harness.
        scripted: the model's answers were scripted: no evidence about any model.
        replay: the model's answers were replayed from an earlier run.
        n_instances: instances with a row in any run.
        conditions: by name.
        contrasts: each condition against the control; empty without a control or another condition.
        health: gradings of the gold patches and of unchanged repositories; `ceiling` is the highest possible rate.
        flaky: gradings with another outcome when repeated.
        warnings: caveats for anyone who quotes these numbers.
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
    cells: list[CellState]
    runs: list[Run]
    health: dict[str, Any] | None
    flaky: list[dict[str, Any]]
    warnings: list[str]


def as_json(summary: Summary) -> dict[str, Any]:
    """The summary as JSON values."""
    values: dict[str, Any] = json.loads(json.dumps(asdict(summary)))
    return values


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of summary.json."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(Summary).json_schema(mode="serialization")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema | {"title": "ContextTune summary.json, version 2"}


if __name__ == "__main__":
    import sys
    from pathlib import Path

    from contexttune.system.files import write_json

    write_json(Path(sys.argv[1]), json_schema())
