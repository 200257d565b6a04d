"""task=verify: checks that the reported results of a group follow from its records."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.config.validation import check
from contexttune.errors import PreflightError
from contexttune.experiment.cell import layout_of
from contexttune.experiment.manifest import job_dir
from contexttune.interfaces import Task, TaskResult
from contexttune.report import group
from contexttune.tasks.check import failed, run_checks, warnings
from contexttune.tasks.verify.group_checks import CHECKS
from contexttune.tasks.verify.group_files import Records

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Verify(Task):
    """Recompute every number of `group_id` and check its records against each other. Changes and grades nothing."""

    name: str = "verify"

    def execute(self, cfg: DictConfig) -> TaskResult:
        config = check(cfg)
        layout, group_id, job = layout_of(config), str(config.group_id), job_dir()
        group.require(layout, group_id)
        more = (job.parent.parent,) if job else ()  # multirun/<group_id>
        findings = run_checks(CHECKS, Records(layout=layout, group_id=group_id, more=more))
        if problems := failed(findings):
            raise PreflightError(f"group {group_id} is inconsistent: {', '.join(problems)}")
        log.info("group %s is consistent%s", group_id, warnings(findings))
        return TaskResult()
