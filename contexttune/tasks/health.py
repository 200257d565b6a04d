"""task=health: grades the gold patch and a no-change patch, once for each row, harness and image."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from contexttune.errors import ConfigError, ExitCode
from contexttune.experiment.cell import Cell, cell_of
from contexttune.instances import health_records, slices
from contexttune.instances.health_records import KINDS, NO_CHANGE, Check, row_digest
from contexttune.interfaces import Task, TaskResult, UsesImages
from contexttune.paths import slug
from contexttune.system.files import fingerprint, locked, read_json, write_json, write_jsonl
from contexttune.types import GoldInstance, Outcome

log = logging.getLogger(__name__)

_NAMES = {"gold": "the gold patch", "no_change": "a patch that changes nothing"}


@dataclass(frozen=True, kw_only=True)
class Health(Task):
    """Grade the gold patch and an empty change on each instance of the slice. Repeating the command resumes."""

    name: str = "health"

    def execute(self, cfg: DictConfig) -> TaskResult:
        return TaskResult(exit_code=HealthCheck(cell_of(cfg)).run())


@dataclass
class HealthCheck:
    """Checks the instances of a slice on this machine."""

    cell: Cell

    def run(self) -> ExitCode:
        """Check the unchecked instances, and log the unhealthy ones. Raises ConfigError, PreflightError."""
        cell = self.cell
        if not cell.harness.grades:
            raise ConfigError(
                f"harness={cell.harness.name} grades nothing: choose one that does, such as harness=swebench_docker"
            )
        cell.harness.preflight(self.instances)
        with _alone(self.path.with_suffix(".lock")):
            for kind in KINDS:
                self._grade(kind)
            # mark the checks of the present images as current: an instance may have checks of several images
            digests = self._digests(self.instances)
            self._write({name: {} for name in self._known(digests)}, digests)
        return self._report()

    @cached_property
    def instances(self) -> list[GoldInstance]:
        """The slice, whatever `slice.healthy_only` says."""
        return slices.load(self.cell.config.slice)

    @property
    def path(self) -> Path:
        return self.cell.layout.health / f"{slug(socket.gethostname())}.json"

    @cached_property
    def harness(self) -> dict[str, Any]:
        return dict(self.cell.exclusion.harness)

    def _grade(self, kind: str) -> None:
        """Grade this kind of patch on the instances without a verdict. An outage leaves them without one."""
        before = self._digests(self.instances)
        known = self._known(before)
        pending = [i for i in self.instances if getattr(known.get(i.instance_id), kind, None) is None]
        log.info("%s: grading %d of %d instances", _NAMES[kind], len(pending), len(self.instances))
        if not pending or self.cell.config.dry_run:
            return
        place = self._place(kind, pending, before)
        patches = {i.instance_id: i.patch if kind == "gold" else NO_CHANGE for i in pending}
        predictions = [
            {"instance_id": name, "model_name_or_path": kind, "model_patch": patch}
            for name, patch in patches.items()
        ]
        write_jsonl(place / "preds.jsonl", predictions)
        outcomes = self.cell.harness.evaluate(place / "preds.jsonl", pending, place / "harness")
        entries = read_json(place / "harness" / "outcomes.json") or {}
        digests = self._digests(pending) | before  # `pending`: images have been pulled meanwhile
        _note_images(place, pending, digests)
        verdicts = {
            name: {"outcome": outcome.value, "reason": entries.get(name, {}).get("reason")}
            for name, outcome in outcomes.items()
            if outcome.is_verdict
        }
        self._write({name: {kind: verdict} for name, verdict in verdicts.items()}, digests)

    def _write(self, verdicts: Mapping[str, Mapping[str, Any]], digests: Mapping[str, str]) -> None:
        if not verdicts:
            return
        now = datetime.now(UTC).isoformat()
        found = [
            Check(
                instance_id=instance.instance_id,
                row_digest=row_digest(instance),
                harness=self.harness,
                image_digest=digests.get(instance.image),
                confirmed=now,
                **verdicts[instance.instance_id],
            )
            for instance in self.instances
            if instance.instance_id in verdicts
        ]
        health_records.write(self.path, health_records.updated(health_records.read(self.path), found))

    def _known(self, digests: Mapping[str, str]) -> dict[str, Check]:
        """instance_id -> check on this machine, in the image that is present."""
        has_images = isinstance(self.cell.harness, UsesImages)
        rows = {(i.instance_id, row_digest(i)): digests.get(i.image) for i in self.instances}
        return {
            check.instance_id: check
            for check in health_records.read(self.path)
            if check.harness == self.harness
            and rows.get((check.instance_id, check.row_digest), "") == check.image_digest
            and (check.image_digest is not None or not has_images)
        }

    def _digests(self, instances: Sequence[GoldInstance]) -> dict[str, str]:
        return self.cell.image_digests("harness", sorted({i.image for i in instances}))

    def _place(self, kind: str, pending: Sequence[GoldInstance], digests: Mapping[str, str]) -> Path:
        """A directory without verdicts on another image, which the harness would reuse."""
        name = f"{slug(self.cell.harness.name)}-{fingerprint(self.harness)}"
        for number in count(1):
            place = self.path.with_suffix("") / kind / name / str(number)
            noted = read_json(place / "images.json") or {}
            if all(noted.get(i.image) in (None, digests.get(i.image)) for i in pending):
                _note_images(place, pending, digests)
                return place
        raise AssertionError

    def _report(self) -> ExitCode:
        known = self._known(self._digests(self.instances))
        complete = [check for check in known.values() if check.is_complete]
        unhealthy = [check for check in known.values() if check.defect]
        for check in unhealthy:
            log.warning("unhealthy: %s: %s", check.instance_id, check.defect)
        n_missing = len(self.instances) - len(complete)
        log.info(
            "health with harness=%s: %d of %d instances are healthy, %d are unhealthy, %d are not fully checked; see %s",
            *(self.cell.harness.name, sum(not check.defect for check in complete)),
            *(len(self.instances), len(unhealthy)),
            *(n_missing, self.path),
        )
        gold = [check.gold["outcome"] for check in known.values() if check.gold]
        log.info(
            "ceiling: the gold patch resolves %d of %d instances", gold.count(Outcome.RESOLVED), len(gold)
        )
        if not n_missing or self.cell.config.dry_run:
            return ExitCode.DONE
        log.warning("%d instances are not fully checked; run the same command again to check them", n_missing)
        return ExitCode.MISSING_UNITS


def _note_images(place: Path, instances: Sequence[GoldInstance], digests: Mapping[str, str]) -> None:
    noted = read_json(place / "images.json") or {}
    write_json(place / "images.json", noted | {i.image: digests.get(i.image) for i in instances})


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One check at a time on a machine; a second one waits and reuses the results of the first."""
    from filelock import Timeout

    with ExitStack() as stack:
        try:
            stack.enter_context(locked(lock, timeout_s=0))
        except Timeout:
            log.info("waiting for another health check on this machine")
            stack.enter_context(locked(lock))
        yield
