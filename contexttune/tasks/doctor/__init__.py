"""task=doctor: checks whether the configured run would work on this machine."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.errors import PreflightError
from contexttune.experiment.cell import Cell, cell_of
from contexttune.interfaces import Task, TaskResult
from contexttune.tasks.check import Check, failed, run_checks, warnings
from contexttune.tasks.doctor import configured_run, machine

log = logging.getLogger(__name__)

# in order; to add one, write a function and add a line
CHECKS: tuple[Check[Cell], ...] = (
    Check(name="packages", run=machine.packages),
    Check(name="git", run=machine.git_command),
    Check(name="directory", run=machine.directories),
    Check(name="dataset", run=configured_run.dataset),
    Check(name="repositories", run=configured_run.repositories, needs=("git", "dataset")),
    Check(name="condition", run=configured_run.condition, needs=("dataset",)),
    Check(name="runner", run=configured_run.runner),
    Check(name="model", run=configured_run.model),
    Check(name="answer", run=configured_run.answer, needs=("runner", "model")),
    Check(name="harness", run=configured_run.harness, needs=("dataset",)),
    Check(name="images", run=configured_run.images, needs=("dataset", "runner", "harness")),
)


@dataclass(frozen=True, kw_only=True)
class Doctor(Task):
    """Check everything that the configured run needs, and print a fix for each problem. Builds and runs nothing."""

    name: str = "doctor"

    def execute(self, cfg: DictConfig) -> TaskResult:
        findings = run_checks(CHECKS, cell_of(cfg))
        if problems := failed(findings):  # one sentence, since a sweep shows no more of a job
            raise PreflightError(f"this run would fail here: fix {', '.join(problems)}")
        log.info("this run would work here%s", warnings(findings))
        return TaskResult()
