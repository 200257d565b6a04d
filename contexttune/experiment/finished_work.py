"""Decides, from files alone, what a resumed run skips and what it tries again.

Each instance of a run goes through four steps:

    context   done when its file was built from the same inputs (`saved_block`)
    attempt   done when attempt.json has a status other than an outage (`is_final`)
    verdict   done when outcomes.json has a verdict on exactly the predicted patch (`FinishedWork.ungraded`)
    result    missing unless both are done (`outcome_of`, `is_missing`)

Smaller units are checked where they are made, each by one function: signals (`signals.extraction.write_signals`),
documents (`contexts.documents.Documents.written`), calls (`models.journal.Journal.replay`), gradings (`evaluate` of a
harness), health checks and reevaluations (in their tasks). A whole job of a sweep: `report.cell_states.states`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.contexts.context_files import ContextStage
from contexttune.errors import ArtifactError
from contexttune.models.journal import CALLS, Paid, paid
from contexttune.paths import Layout
from contexttune.system.files import read_json, read_jsonl, sha256
from contexttune.types import AttemptStatus, GoldInstance, Instance, Outcome

Record = dict[str, Any]

_NO_MEASUREMENT = ("", AttemptStatus.INFRA_ERROR.value)


def saved_block(stage: ContextStage, instance: Instance) -> str | None:
    """The context block of an instance; None if it or the signals of its commit have to be made (again)."""
    has_signals = stage.layout.signals(instance.repo, instance.base_commit).exists()
    return stage.saved_block(instance) if has_signals else None


def is_final(record: Mapping[str, Any]) -> bool:
    """Whether an attempt is a measurement, which is never repeated, and not an outage."""
    return record["status"] not in _NO_MEASUREMENT


def is_attempted(row: Mapping[str, Any]) -> bool:
    """Whether a row of results has a final attempt."""
    return row["attempt_status"] not in _NO_MEASUREMENT


def is_missing(row: Mapping[str, Any]) -> bool:
    """Whether a row of results has no verdict: an outage of the endpoint, the harness or the run itself."""
    return not Outcome(row["outcome"]).is_verdict


def unfinished(
    rows: Sequence[Mapping[str, Any]], stages: Iterable[str], *, grades: bool
) -> list[Mapping[str, Any]]:
    """The rows that a run of `stages` should have completed and has not; `grades`: whether its harness does."""
    if "evaluate" in stages and grades:
        return [row for row in rows if is_missing(row)]
    return [row for row in rows if not is_attempted(row)] if "inference" in stages else []


def require_same_context(record: Mapping[str, Any], block: str) -> None:
    """Raise ArtifactError when a final attempt was given another block."""
    if record["block_sha256"] != sha256(block):
        raise ArtifactError(
            f"the context of {record['instance_id']} changed since this run began: choose another group_id to start over"
        )


@dataclass(frozen=True)
class FinishedWork:
    """The records of one run."""

    layout: Layout
    group_id: str
    run_id: str

    def home(self, instance_id: str) -> Path:
        """The directory of an instance's attempt."""
        return self.layout.instance(self.group_id, self.run_id, instance_id)

    def attempt_path(self, instance_id: str) -> Path:
        return self.home(instance_id) / "attempt.json"

    def attempt(self, instance_id: str) -> Record | None:
        """The record of the latest attempt, final or not."""
        record: Record | None = read_json(self.attempt_path(instance_id))
        return record

    def attempts(self, instances: Iterable[Instance]) -> dict[str, Record]:
        """instance_id -> record of its latest attempt."""
        found = {i.instance_id: self.attempt(i.instance_id) for i in instances}
        return {name: record for name, record in found.items() if record}

    def paid(self, instance_id: str) -> Paid | None:
        """Totals of an instance's journal."""
        return paid(self.home(instance_id) / CALLS)

    @property
    def predictions(self) -> Path:
        return self.layout.predictions(self.group_id, self.run_id)

    @property
    def outcomes(self) -> Path:
        return self.layout.run(self.group_id, self.run_id) / "outcomes.json"

    def patches(self) -> dict[str, str]:
        """instance_id -> digest of its predicted patch."""
        return {row["instance_id"]: sha256(row["model_patch"]) for row in read_jsonl(self.predictions)}

    def verdicts(self) -> dict[str, Record]:
        """instance_id -> {"outcome", "patch_sha256"}, possibly on a patch that has been replaced."""
        verdicts: dict[str, Record] = read_json(self.outcomes) or {}
        return verdicts

    def ungraded(self, instances: Sequence[GoldInstance]) -> list[GoldInstance]:
        """Those of `instances` that have a prediction and no verdict on it."""
        patches, verdicts = self.patches(), self.verdicts()
        predicted = [i for i in instances if i.instance_id in patches]
        outcomes = {name: _outcome(digest, verdicts.get(name)) for name, digest in patches.items()}
        return [i for i in predicted if not outcomes[i.instance_id].is_verdict]


def outcome_of(attempt: Mapping[str, Any] | None, verdict: Mapping[str, Any] | None) -> Outcome:
    """The verdict on the attempt's patch; `infra_error` for an outage, `missing` without a verdict."""
    if not attempt:
        return Outcome.MISSING
    return _outcome(attempt["patch_sha256"], verdict) if is_final(attempt) else Outcome.INFRA_ERROR


def _outcome(patch_sha256: str, verdict: Mapping[str, Any] | None) -> Outcome:
    same = verdict is not None and verdict["patch_sha256"] == patch_sha256
    return Outcome(verdict["outcome"]) if verdict and same else Outcome.MISSING
