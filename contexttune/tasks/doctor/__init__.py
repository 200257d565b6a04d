"""task=doctor: would the run that is configured work here?"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.interfaces import Task, TaskResult

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Doctor(Task):
    """Look at all that a run needs, say what is wrong with each and how to mend it. Nothing is built, run or kept."""

    name: str = "doctor"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.errors import PreflightError
        from contexttune.experiment.cell import cell_of
        from contexttune.tasks import check
        from contexttune.tasks.doctor.environment_checks import CHECKS

        found = check.examine(CHECKS, cell_of(cfg))
        if wanting := check.failed(found):  # one sentence: of a sweep's job, one sees no more
            raise PreflightError(f"a run would fail here for want of {', '.join(wanting)}")
        warnings = check.n_warnings(found)
        log.info("a run would work here%s", f", with {warnings} warnings" if warnings else "")
        return TaskResult()
