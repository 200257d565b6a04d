"""run.json describes a run; group.json has what all runs of a group must have in common."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contexttune.config.differences import differences
from contexttune.config.schema import AnalysisConfig
from contexttune.errors import ConfigError
from contexttune.experiment import identity
from contexttune.experiment.cell import Cell
from contexttune.experiment.manifest import job_dir, rows_digest
from contexttune.instances import health_records
from contexttune.system import gpu
from contexttune.system.files import locked, read_json, write_json, write_jsonl
from contexttune.system.redaction import masked
from contexttune.types import GoldInstance

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 1


def registration(config: AnalysisConfig) -> dict[str, Any]:
    """The analysis that the first run of a group registers in group.json."""
    return {"control": config.control, "margin": config.margin}


@dataclass(frozen=True)
class RunRecord:
    """run.json of one cell, and group.json of its group."""

    cell: Cell

    @property
    def path(self) -> Path:
        return self.cell.layout.run(self.cell.group_id, self.cell.run_id) / "run.json"

    def read(self) -> dict[str, Any]:
        record: dict[str, Any] = read_json(self.path)
        return record

    def check(self) -> None:
        """Call `require_fit`; the first run of a group creates group.json."""
        cell, healthy_only = self.cell, self.cell.config.slice.healthy_only
        self.require_fit()
        if not healthy_only:  # with it, the instances are decided below, under the lock
            _ = cell.instances  # an invalid slice must not become the group's
        with locked(self._group.with_suffix(".lock")):
            saved = read_json(self._group)
            if saved is None:
                created = {
                    "group_id": cell.group_id,
                    "settings": self._settings,
                    "analysis": registration(cell.config.analysis),
                }
                write_json(self._group, created | self._excluded())
        self.require_fit()
        if saved is not None and healthy_only:
            cell.exclusion.warn_of_change(saved["excluded"])

    @property
    def _group(self) -> Path:
        return self.cell.layout.group(self.cell.group_id) / "group.json"

    @property
    def _settings(self) -> Any:
        return masked(identity.group_settings(self.cell.container))

    def require_fit(self) -> None:
        """Raise ConfigError unless this run has its group's settings and the dataset rows that it began with."""
        cell, settings = self.cell, self._settings
        if self._group.parent in cell.layout.no_groups:
            raise ConfigError(
                f"group_id={cell.group_id} is reserved for health checks, comparisons or audits: choose another group_id"
            )
        saved = read_json(self._group)
        if saved is not None and saved["settings"] != settings:
            differing = ", ".join(key for key, *_ in differences(saved["settings"], settings))
            raise ConfigError(
                f"group_id={cell.group_id} has runs with another {differing}: choose another group_id"
            )
        begun = read_json(self.path)
        if begun is not None and begun["manifest"]["rows_digest"] != rows_digest(cell.instances):
            raise ConfigError(
                f"slice.dataset={cell.config.slice.dataset} changed since this run began: choose another group_id"
            )

    def _excluded(self) -> dict[str, Any]:
        """The instances that all arms leave out, chosen by the first run before any outcome is known."""
        if not self.cell.config.slice.healthy_only:
            return {}
        excluded = self.cell.exclusion.decide()
        log.info("healthy_only: %d unhealthy instances are excluded from all arms", len(excluded))
        for entry in excluded:
            log.info("excluded: %s: %s", entry["instance_id"], entry["reason"])
        return {"excluded": excluded}

    @contextmanager
    def kept(self, reproduced: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Record the status `running`, then `finished` or `interrupted`."""
        record, began = self._describe() | {"reproduction": reproduced}, time.monotonic()
        self._keep_problems()
        self._write(record | {"status": "running"})
        try:
            yield
        except BaseException:
            self._write(record | self._afterwards(record, began) | {"status": "interrupted"})
            raise
        record |= self._afterwards(record, began)
        self._write(record | self._harness_images(record) | {"status": "finished"})

    def _keep_problems(self) -> None:
        """Copy the issues, so that results can be read without the dataset."""
        path = self.cell.layout.problems(self.cell.group_id, self.cell.run_id)
        if not path.exists():
            keys = ("instance_id", "repo", "base_commit", "problem_statement")
            rows = [
                {key: getattr(i, key) for key in keys} | {"row_digest": health_records.row_digest(i)}
                for i in self.cell.instances
            ]
            write_jsonl(path, rows)

    def _write(self, record: dict[str, Any]) -> None:
        """Write run.json, and a copy for this job: another job may continue the run with other code."""
        record |= self._seen()
        write_json(self.path, record)
        if job := job_dir():
            write_json(job / "run.json", record)

    def _seen(self) -> dict[str, Any]:
        """Facts known only while the job runs: the model of its own server, kept from earlier sessions, and its GPUs."""
        served = self.cell.model.served() if self.cell.uses_model else None
        served = served or (read_json(self.path) or {}).get("served")
        return ({"served": served} if served else {}) | gpu.summary(self.path.parent)

    def _describe(self) -> dict[str, Any]:
        cell, begun = self.cell, read_json(self.path) or {}
        return {
            "schema_version": _SCHEMA_VERSION,
            "run_id": cell.run_id,
            "group_id": cell.group_id,
            "condition": cell.condition,
            "seed": cell.config.seed,
            "model_name_or_path": cell.model_name_or_path,
            "scripted": cell.answers_from == "script",
            "replay": cell.answers_from == "journal",
            "harness": cell.harness.name,
            "official": cell.harness.official,
            "grades": cell.harness.grades,
            "gold_context": cell.gold_context,
            "instances": [_described(i) for i in cell.instances],
            "manifest": cell.manifest,
            "images": begun.get("images", {}),
            "served_models": begun.get("served_models", []),
            "documents": self._documents(begun),
            "sessions": [*begun.get("sessions", []), _session(cell)],
        }

    def _documents(self, begun: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Documents that models wrote for the contexts, with their costs; the texts are beside the contexts."""
        used = self.cell.documents.used if self.cell.wants_documents else {}
        records = [{k: v for k, v in asdict(one).items() if k != "text"} for _, one in sorted(used.items())]
        return records or begun.get("documents", [])

    def _afterwards(self, record: Mapping[str, Any], began: float) -> dict[str, Any]:
        """Facts known only at the end: duration, and the models and images used."""
        attempts = self._attempts()
        ran_in = {a["image"]: a["image_digest"] for a in attempts if a.get("image_digest")}
        *earlier, session = record["sessions"]
        return {
            "images": record["images"] | ({"runner": ran_in} if ran_in else {}),
            "served_models": sorted({a["served_model"] for a in attempts if a.get("served_model")}),
            "sessions": [*earlier, session | {"wall_s": round(time.monotonic() - began, 3)}],
        }

    def _harness_images(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Digests of the images that the harness used; a recorded one is kept, since the verdict was made with it."""
        cell, known = self.cell, record["images"].get("harness", {})
        used = {i.image for i in cell.instances} if "evaluate" in cell.config.stages else set()
        graded_in = known | cell.image_digests("harness", sorted(used - known.keys()))
        return {"images": record["images"] | ({"harness": graded_in} if graded_in else {})}

    def _attempts(self) -> list[dict[str, Any]]:
        """The runner's details of each attempt, with the instance's image."""
        attempts = self.cell.finished_work.attempts(self.cell.instances)
        images = {i.instance_id: i.image for i in self.cell.instances}
        return [{"image": images[name], **attempt["details"]} for name, attempt in attempts.items()]


def _described(instance: GoldInstance) -> dict[str, str]:
    """The columns of an instance in rows of results."""
    difficulty = instance.row.get("difficulty")
    described = {"instance_id": instance.instance_id, "repo": instance.repo}
    return described | ({"difficulty": str(difficulty)} if difficulty else {})


def _session(cell: Cell) -> dict[str, Any]:
    """One process's work on a run: when, where, with which code; `wall_s` stays null if it is killed."""
    slurm, code = cell.manifest["slurm"] or {}, cell.manifest["contexttune"]
    return {
        "stages": cell.config.stages,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": cell.manifest["host"],
        "commit": code.get("commit"),
        "diff_sha256": code.get("diff_sha256"),
        "slurm_job_id": slurm.get("job_id"),
        "queue_s": slurm.get("queue_s"),
        "wall_s": None,
    }
