"""task=verify: checks that the reported results of a group follow from its records."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.config.validation import check
from contexttune.errors import ArtifactError, ContextTuneError, PreflightError
from contexttune.experiment.cell import layout_of
from contexttune.experiment.manifest import job_dir
from contexttune.interfaces import Task, TaskResult
from contexttune.report import group
from contexttune.tasks.check import Check, failed, run_checks, warnings
from contexttune.tasks.verify import answer, attempts
from contexttune.tasks.verify.group_files import Records

log = logging.getLogger(__name__)


def _check(name: str, run: Callable[[Records], Iterable[str]], *needs: str) -> Check[Records]:
    """A check that fails, instead of raising, on records of another version or program."""

    def run_strictly(records: Records) -> Iterator[str]:
        try:
            yield from run(records)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ContextTuneError):
                raise
            raise ArtifactError(
                f"a record is not in the format of this version of contexttune ({type(error).__name__}: {error})"
            ) from None

    return Check(name=name, run=run_strictly, needs=needs)


# in order; to add one, write a function and add a line
CHECKS: tuple[Check[Records], ...] = (
    _check("runs", attempts.runs),
    _check("predictions", attempts.predictions),
    _check("verdicts", attempts.verdicts, "predictions"),
    _check("contexts", attempts.contexts),
    _check("accounts", attempts.accounts),
    _check("leaks", attempts.leaks),
    _check("arms", answer.arms),
    _check("rows", answer.rows),
    _check("summary", answer.summary, "rows"),
    _check("secrets", answer.secrets),
)


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
