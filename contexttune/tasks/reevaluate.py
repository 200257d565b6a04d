"""Grades discordant instances (results differ between arms) again: if the verdicts differ, the tests are flaky.

The run's own verdict stays unchanged. Further verdicts are made in directories of their own,
runs/<run_id>/reevaluations/<number>/, and collected in runs/<run_id>/reevaluations.json.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from contexttune.config.build import build
from contexttune.config.schema import AnalysisConfig, Config
from contexttune.errors import ConfigError
from contexttune.experiment.cell import Cell, cell_of
from contexttune.experiment.finished_work import is_missing
from contexttune.experiment.manifest import installed_version, rows_digest
from contexttune.experiment.rows import paired_shares
from contexttune.interfaces import Harness
from contexttune.paths import Layout
from contexttune.report import group
from contexttune.report.flaky import flaky_gradings
from contexttune.report.registered_analysis import analysis_of
from contexttune.system.files import locked, read_json, read_jsonl, sha256, write_json, write_jsonl
from contexttune.types import GoldInstance

log = logging.getLogger(__name__)

Row = Mapping[str, Any]


def discordant(rows: Iterable[Row], control: str) -> dict[str, list[str]]:
    """treatment -> instances whose resolved share, over the seeds measured in both arms, differs from the control's."""
    by_instance: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_instance[row["instance_id"]].append(row)
    conditions = {row["condition"] for its_rows in by_instance.values() for row in its_rows}
    found: dict[str, list[str]] = {treatment: [] for treatment in sorted(conditions - {control})}
    for treatment, names in found.items():
        for name, its_rows in sorted(by_instance.items()):
            shares = paired_shares(its_rows, control, treatment)
            if shares is not None and shares[0] != shares[1]:
                names.append(name)
    return found


def reevaluate(layout: Layout, group_id: str, times: int, config: AnalysisConfig) -> int:
    """Grade the group's discordant predictions again, until each has `times` further verdicts.

    Returns: the number of verdicts that are missing because grading ended in an outage.
    Raises: ConfigError if the dataset has changed since the group's runs; PreflightError.
    """
    analysis, found = analysis_of(layout, group_id, config), group.read(layout, group_id)
    rows = [row for row in found.rows if not is_missing(row) and analysis.includes(row["seed"])]
    wanted: dict[str, set[str]] = defaultdict(set)  # run or shard of the attempt -> instances
    for treatment, names in discordant(rows, analysis.control).items():
        log.info("%s: grading %d discordant instances %d more times", treatment, len(names), times)
        for row in rows:
            if row["condition"] in (analysis.control, treatment) and row["instance_id"] in names:
                wanted[row["part_id"]].add(row["instance_id"])
    runs = [Reevaluation(layout=layout, run=run) for run in found.begun if run["run_id"] in wanted]
    n_missing = sum(one.grade(times, wanted[one.run["run_id"]]) for one in runs)
    unstable = flaky_gradings(layout, found.begun)
    n_attempts = sum(map(len, wanted.values()))
    log.info("%d discordant attempts, %d of them with flaky gradings", n_attempts, len(unstable))
    for entry in unstable:
        again = ", ".join(entry["again"])
        log.warning(
            "flaky: %s in %s: %s, then %s", entry["instance_id"], entry["run_id"], entry["outcome"], again
        )
    if n_missing:
        log.warning("%d verdicts are missing; run the same command again to grade them", n_missing)
    return n_missing


@dataclass(frozen=True)
class Reevaluation:
    """Grades predictions of one run again, one at a time, with the harness of its record."""

    layout: Layout
    run: Mapping[str, Any]

    def grade(self, times: int, names: Collection[str]) -> int:
        """Add the missing ones of the verdicts 1 to `times` for these instances; returns the number still missing."""
        predictions = {
            row["instance_id"]: row
            for row in read_jsonl(self.layout.predictions(self.run["group_id"], self.run["run_id"]))
            if row["instance_id"] in names and row["model_patch"].strip()
        }
        if not predictions:
            return 0
        with locked(self._kept.with_suffix(".lock")):
            return sum(self._grade_once(number, predictions) for number in range(1, times + 1))

    def _grade_once(self, number: int, predictions: Mapping[str, Mapping[str, Any]]) -> int:
        known = self._entries(predictions)
        pending = [name for name in sorted(predictions) if str(number) not in known[name]["again"]]
        if not pending:
            return 0
        place = self._kept.with_suffix("") / str(number)
        write_jsonl(place / "preds.jsonl", [dict(predictions[name]) for name in pending])
        instances = self._instances(pending)
        self._check(instances)
        log.info("%s: grading %d predictions again (%d)", self.run["run_id"], len(pending), number)
        outcomes = self.harness.evaluate(place / "preds.jsonl", instances, place / "harness")
        verdicts = {name: outcome for name, outcome in outcomes.items() if outcome.is_verdict}
        for name, outcome in verdicts.items():
            known[name]["again"][str(number)] = outcome.value
        write_json(self._kept, (read_json(self._kept) or {}) | known)
        return len(pending) - len(verdicts)

    @property
    def _kept(self) -> Path:
        return self.layout.reevaluations(self.run["group_id"], self.run["run_id"])

    def _entries(self, predictions: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
        """instance_id -> entry of reevaluations.json, empty if that is for a different patch."""
        kept, entries = read_json(self._kept) or {}, {}
        for name, row in predictions.items():
            digest = sha256(row["model_patch"])
            entry = kept.get(name, {})
            same = entry.get("patch_sha256") == digest
            entries[name] = entry if same else {"patch_sha256": digest, "again": {}}
        return entries

    @cached_property
    def cell(self) -> Cell:
        """The run's cell, from its record and the current paths; its harness grades one instance at a time."""
        root, recorded = self.layout, self.run["manifest"]["config"]
        alone = {"harness": {"max_workers": 1}} if "max_workers" in recorded["harness"] else {}
        places = {"cache": str(root.cache), "artifacts": str(root.artifacts), "results": str(root.results)}
        try:
            config = OmegaConf.merge(OmegaConf.structured(Config), recorded, alone, {"paths": places})
        except OmegaConfBaseException as error:
            raise ConfigError(
                f"the configuration of run {self.run['run_id']} is from another version of contexttune "
                f"({' '.join(str(error).split())}): use that version to grade it again"
            ) from None
        assert isinstance(config, DictConfig)
        return cell_of(config)

    @cached_property
    def harness(self) -> Harness:
        """The cell's harness, which grades in the sandbox: the patches on disk are not trusted."""
        services = {"workspace": self.cell.workspace, "bundled": False}
        harness: Harness = build(self.cell.container["harness"], "harness", services)
        return harness

    def _instances(self, names: Collection[str]) -> list[GoldInstance]:
        if self.run["manifest"]["rows_digest"] != rows_digest(self.cell.instances):
            raise ConfigError(
                f"slice.dataset={self.cell.config.slice.dataset} has changed since run {self.run['run_id']}: "
                "its predictions cannot be graded again"
            )
        return [instance for instance in self.cell.instances if instance.instance_id in names]

    def _check(self, instances: Sequence[GoldInstance]) -> None:
        """Preflight, and warn if the harness or an image differs from that of the first verdict."""
        cell, run = self.cell, self.run
        self.harness.preflight(instances)
        recorded = run["manifest"].get("harness") or {}  # early versions recorded neither this nor images
        then, now = recorded.get("swebench"), installed_version("swebench")
        if then != now:
            message = "%s was graded with swebench %s, and is graded again with %s"
            log.warning(message, run["run_id"], then, now)
        images = run.get("images", {}).get("harness", {})
        for image, digest in cell.image_digests("harness", sorted({i.image for i in instances})).items():
            if images.get(image, digest) != digest:
                log.warning("%s: the image %s differs from that of the first verdict", run["run_id"], image)
