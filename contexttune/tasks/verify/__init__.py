"""task=verify: does what a group reports follow from what lies on disk?"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.interfaces import Task, TaskResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Verify(Task):
    """Make each number of `group_id` again and hold its records against each other. Nothing is changed, asked or graded."""

    name: str = "verify"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.config.validation import check
        from contexttune.errors import PreflightError
        from contexttune.experiment.cell import layout_of
        from contexttune.experiment.manifest import job_dir
        from contexttune.report import group
        from contexttune.tasks.check import examine, failed, n_warnings
        from contexttune.tasks.verify.group_checks import CHECKS
        from contexttune.tasks.verify.group_files import Records

        config = check(cfg)
        layout, group_id, job = layout_of(config), str(config.group_id), job_dir()
        group.require(layout, group_id)
        more = (job.parent.parent,) if job else ()  # Hydra's of this group
        found = examine(CHECKS, Records(layout=layout, group_id=group_id, more=more))
        if wrong := failed(found):
            raise PreflightError(f"group {group_id} does not hold together: {', '.join(wrong)}")
        warnings = n_warnings(found)
        log.info("group %s holds together%s", group_id, f", with {warnings} warnings" if warnings else "")
        return TaskResult()
