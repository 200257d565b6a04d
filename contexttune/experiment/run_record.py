"""run.json and group.json: what a run is and was made of, and that a group's runs belong together."""

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
    """What a group's first run puts into group.json."""
    return {"control": config.control, "margin": config.margin}


@dataclass(frozen=True)
class RunRecord:
    """The record of one cell."""

    cell: Cell

    @property
    def path(self) -> Path:
        return self.cell.layout.run(self.cell.group_id, self.cell.run_id) / "run.json"

    def read(self) -> dict[str, Any]:
        record: dict[str, Any] = read_json(self.path)
        return record

    def check(self) -> None:
        """As `require_fit`; the first run of a group registers what the group is of."""
        cell, healthy_only = self.cell, self.cell.config.slice.healthy_only
        self.require_fit()
        if not healthy_only:  # which is decided below, under the lock
            _ = cell.instances  # a slice that cannot be must not become the group's
        with locked(self._group.with_suffix(".lock")):
            saved = read_json(self._group)
            if saved is None:
                made = {
                    "group_id": cell.group_id,
                    "settings": self._settings,
                    "analysis": registration(cell.config.analysis),
                }
                write_json(self._group, made | self._left_out())
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
        """Raise ConfigError unless this run fits its group, and its rows are those that it began with."""
        cell, settings = self.cell, self._settings
        if self._group.parent in cell.layout.no_groups:
            raise ConfigError(
                f"group_id={cell.group_id} is where health checks, comparisons or audits lie: choose another group_id"
            )
        saved = read_json(self._group)
        if saved is not None and saved["settings"] != settings:
            differing = ", ".join(key for key, *_ in differences(saved["settings"], settings))
            raise ConfigError(
                f"group_id={cell.group_id} holds runs with another {differing}: choose another group_id"
            )
        begun = read_json(self.path)
        if begun is not None and begun["manifest"]["rows_digest"] != rows_digest(cell.instances):
            raise ConfigError(
                f"slice.dataset={cell.config.slice.dataset} changed since this run began: choose another group_id"
            )

    def _left_out(self) -> dict[str, Any]:
        """Decided here, once for all arms: the first run of a group holds the group's lock, and has seen no outcome."""
        if not self.cell.config.slice.healthy_only:
            return {}
        excluded = self.cell.exclusion.decide()
        log.info("healthy_only: %d unhealthy instances are left out of all arms", len(excluded))
        for entry in excluded:
            log.info("left out: %s: %s", entry["instance_id"], entry["reason"])
        return {"excluded": excluded}

    @contextmanager
    def kept(self, reproduced: Mapping[str, Any] | None = None) -> Iterator[None]:
        """Say `running` inside, then `finished` or `interrupted`."""
        record, began = self._describe() | {"reproduction": reproduced}, time.monotonic()
        self._keep_problems()
        self._write(record | {"status": "running"})
        try:
            yield
        except BaseException:
            self._write(record | self._afterwards(record, began) | {"status": "interrupted"})
            raise
        record |= self._afterwards(record, began)
        self._write(record | self._graded_in(record) | {"status": "finished"})

    def _keep_problems(self) -> None:
        """What the agents were asked, for whoever reads the results where the dataset is not."""
        path = self.cell.layout.problems(self.cell.group_id, self.cell.run_id)
        if not path.exists():
            keys = ("instance_id", "repo", "base_commit", "problem_statement")
            rows = [
                {key: getattr(i, key) for key in keys} | {"row_digest": health_records.row_digest(i)}
                for i in self.cell.instances
            ]
            write_jsonl(path, rows)

    def _write(self, record: dict[str, Any]) -> None:
        """Where the run's files are, and for the job that did it: another job may continue the run with other code."""
        record |= self._seen()
        write_json(self.path, record)
        if job := job_dir():
            write_json(job / "run.json", record)

    def _seen(self) -> dict[str, Any]:
        """What shows only while it runs: the model of its own server, kept from earlier sessions, and the GPUs."""
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
            "gold_context": cell.gold_context,
            "instances": [_named(i) for i in cell.instances],
            "manifest": cell.manifest,
            "images": begun.get("images", {}),
            "served_models": begun.get("served_models", []),
            "documents": self._documents(begun),
            "sessions": [*begun.get("sessions", []), _session(cell)],
        }

    def _documents(self, begun: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What models wrote for its contexts, and what it took; their text lies beside the contexts."""
        used = self.cell.documents.used if self.cell.wants_documents else {}
        told = [{k: v for k, v in asdict(one).items() if k != "text"} for _, one in sorted(used.items())]
        return told or begun.get("documents", [])

    def _afterwards(self, record: Mapping[str, Any], began: float) -> dict[str, Any]:
        """What is known only when the work is over: how long it took, what it was done by."""
        attempts = self._attempts()
        ran_in = {a["image"]: a["image_digest"] for a in attempts if a.get("image_digest")}
        *earlier, session = record["sessions"]
        return {
            "images": record["images"] | ({"runner": ran_in} if ran_in else {}),
            "served_models": sorted({a["served_model"] for a in attempts if a.get("served_model")}),
            "sessions": [*earlier, session | {"wall_s": round(time.monotonic() - began, 3)}],
        }

    def _graded_in(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The images that the harness has used; one that is known already is that of the verdict."""
        cell, known = self.cell, record["images"].get("harness", {})
        used = {i.image for i in cell.instances} if "evaluate" in cell.config.stages else set()
        graded_in = known | cell.image_digests("harness", sorted(used - known.keys()))
        return {"images": record["images"] | ({"harness": graded_in} if graded_in else {})}

    def _attempts(self) -> list[dict[str, Any]]:
        """The runner's own details of each attempt, with the instance's image."""
        cell = self.cell
        found = []
        for i in cell.instances:
            path = cell.layout.instance(cell.group_id, cell.run_id, i.instance_id) / "attempt.json"
            attempt = read_json(path)
            if attempt:
                found.append({"image": i.image, **attempt["details"]})
        return found


def _named(instance: GoldInstance) -> dict[str, str]:
    """What a row of results says of its instance."""
    difficulty = instance.row.get("difficulty")
    named = {"instance_id": instance.instance_id, "repo": instance.repo}
    return named | ({"difficulty": str(difficulty)} if difficulty else {})


def _session(cell: Cell) -> dict[str, Any]:
    """One process's work on a run: when, where, by which code; `wall_s` stays null when it is killed."""
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
