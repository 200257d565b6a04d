"""Verdicts on predictions, and the file that stores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.system.files import fingerprint, read_json, read_jsonl, write_json
from contexttune.types import GoldInstance, Outcome

OUTCOMES = "outcomes.json"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An outcome, its reason, and the harness run that it comes from."""

    outcome: Outcome
    reason: str | None = None
    harness_run_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"outcome": str(self.outcome), "reason": self.reason, "harness_run_id": self.harness_run_id}


EMPTY = Verdict(outcome=Outcome.EMPTY_PATCH)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A patch to be graded, with its instance."""

    instance: GoldInstance
    model_name_or_path: str
    model_patch: str  # may be empty

    @property
    def is_empty(self) -> bool:
        return not self.model_patch.strip()

    def row(self) -> dict[str, str]:
        """The row that the harness reads."""
        return {
            "instance_id": self.instance.instance_id,
            "model_name_or_path": self.model_name_or_path,
            "model_patch": self.model_patch,
        }


def read_predictions(path: Path, instances: Sequence[GoldInstance]) -> dict[str, Prediction]:
    """instance_id -> prediction, for `instances`. The last line of an instance counts."""
    wanted = {instance.instance_id: instance for instance in instances}
    return {
        row["instance_id"]: Prediction(
            instance=wanted[row["instance_id"]],
            model_name_or_path=row.get("model_name_or_path") or "unnamed",
            model_patch=row.get("model_patch") or "",
        )
        for row in read_jsonl(path)
        if row["instance_id"] in wanted
    }


def task_fingerprint(row: Mapping[str, Any]) -> str:
    """Hash of a dataset row: a verdict is only valid for the same version of the task."""
    return fingerprint(dict(row), n_chars=64)


def write_outcomes(out_dir: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Write outcomes.json: {instance_id: {"outcome", "reason", "harness_run_id", ...}}."""
    write_json(out_dir / OUTCOMES, {name: dict(entry) for name, entry in entries.items()})


def read_outcomes(out_dir: Path) -> dict[str, dict[str, Any]]:
    """Read outcomes.json; {} if it is missing or damaged."""
    try:
        return dict(read_json(out_dir / OUTCOMES) or {})
    except ValueError:
        return {}
