"""attempt.json, the record of one attempt, and the prediction that is derived from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from contexttune.models.prices import Price, cost_usd
from contexttune.system.files import sha256
from contexttune.types import Attempt, GoldInstance

_SCHEMA_VERSION = 1


def attempt_record(
    instance: GoldInstance, block: str, attempt: Attempt, wall_s: float, price: Price | None
) -> dict[str, Any]:
    return {
        "schema_version": _SCHEMA_VERSION,
        "instance_id": instance.instance_id,
        "repo": instance.repo,
        "status": attempt.status.value,
        "exit_status": attempt.exit_status,
        "model_patch": attempt.model_patch,
        "patch_chars": len(attempt.model_patch),
        "patch_sha256": sha256(attempt.model_patch),
        "context_chars": len(block),
        "block_sha256": sha256(block),
        "prompts_sha256": attempt.prompts_sha256,
        "n_calls": attempt.n_calls,
        "n_steps": attempt.n_steps,
        "wall_s": round(wall_s, 3),
        "error": attempt.error,
        "recovered_patch": attempt.recovered_patch.encode("utf-8", "backslashreplace").decode(),
        "recovered_submitted": attempt.recovered_submitted,
        "uptake": attempt.uptake,
        "details": dict(attempt.details),
        **asdict(attempt.usage),
        "cost_usd": cost_usd(price, attempt.usage, n_calls=attempt.n_calls),
    }


def prediction_of(record: Mapping[str, Any], model_name_or_path: str) -> dict[str, Any]:
    """The line of preds.jsonl."""
    return {
        "instance_id": record["instance_id"],
        "model_name_or_path": model_name_or_path,
        "model_patch": record["model_patch"],
    }
