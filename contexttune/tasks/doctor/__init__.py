"""task=doctor: checks whether the configured run would work on this machine."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.errors import PreflightError
from contexttune.experiment.cell import cell_of
from contexttune.interfaces import Task, TaskResult
from contexttune.tasks import check
from contexttune.tasks.doctor.environment_checks import CHECKS

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Doctor(Task):
    """Check everything that the configured run needs, and print a fix for each problem. Builds and runs nothing."""

    name: str = "doctor"

    def execute(self, cfg: DictConfig) -> TaskResult:
        findings = check.run_checks(CHECKS, cell_of(cfg))
        if problems := check.failed(findings):  # one sentence, since a sweep shows no more of a job
            raise PreflightError(f"this run would fail here: fix {', '.join(problems)}")
        log.info("this run would work here%s", check.warnings(findings))
        return TaskResult()
