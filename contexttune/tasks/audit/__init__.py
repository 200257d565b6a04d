"""task=audit: measures without a model how much contexts reveal of the gold patch."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from contexttune.experiment.manifest import job_dir
from contexttune.interfaces import Task, TaskResult
from contexttune.report.registered_analysis import job_overrides

if TYPE_CHECKING:
    from contexttune.experiment.cell import Cell
    from contexttune.tasks.audit.conditions import Arm
    from contexttune.tasks.audit.measure import Measurement

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Audit(Task):
    """Measure `audit.conditions` on the slice at `audit.budgets_chars`; with `show`, print the blocks of one instance.

    With `audit.leaks=fail`, contexts that leak end the task with exit code 3 after its files are written.
    """

    name: str = "audit"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.experiment.cell import cell_of
        from contexttune.tasks.audit import annotate, held_out
        from contexttune.tasks.audit.conditions import compose_arms, require_reference, with_signals

        cell, sweep_job = cell_of(cfg), _sweep_job()
        if sweep_job:
            held_out.refuse_search(cell.config.audit)
        arms = compose_arms(cell, cell.config.audit.conditions, job_overrides())
        require_reference(cell, arms)
        cell.instances = held_out.select(cell.instances, cell.config.audit)
        for arm in arms:
            arm.cell.instances = cell.instances
            _ = arm.generator(None), arm.generator(cell.config.audit.budgets_chars[0])  # validates both
        cell = with_signals(cell, arms)
        if cell.config.show is not None:
            annotate.show(cell, arms, cell.config.show)
            return TaskResult()
        return TaskResult(objective=_measure(cell, arms, sweep_job))


def _sweep_job() -> Path | None:
    """The directory of this Hydra job, if it is one of a sweep."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    in_sweep = HydraConfig.initialized() and HydraConfig.get().mode is RunMode.MULTIRUN
    return job_dir() if in_sweep else None


def _measure(cell: Cell, arms: Sequence[Arm], sweep_job: Path | None) -> float | None:
    from contexttune.tasks.audit import console, held_out, search, write
    from contexttune.tasks.audit.means import summarize
    from contexttune.tasks.audit.measure import measure
    from contexttune.tasks.audit.paired import differences

    keys = cell.config.audit
    home = write.audit_dir(cell, arms, in_sweep=bool(sweep_job))
    measured = measure(cell, arms, sorted(set(keys.budgets_chars)))
    result = write.AuditResult(
        measured=measured,
        summary=summarize(measured),
        differences=differences(measured, keys.reference or arms[0].condition),
        held_out=held_out.record_use(cell.layout, keys, arms),
        is_held_out=keys.split == "held_out",
    )
    write.write(home, write.settings_of(cell, arms), result)
    console.show(result, home, brief=bool(sweep_job))  # a sweep prints a table of its own at its end
    if sweep_job:
        search.record_job(sweep_job, home, keys.name, job_overrides())
    _check_leaks(cell, measured)
    return search.objective(result.summary, cell.condition)


def _check_leaks(cell: Cell, measured: Sequence[Measurement]) -> None:
    """Raise PreflightError, or warn, when contexts leak."""
    from contexttune.errors import PreflightError
    from contexttune.experiment.leak_check import complaint
    from contexttune.tasks.audit.means import leaking

    found = leaking(measured)
    if not found:
        return
    first = next(leak for leak in found[0].leaks if not leak.is_expected)
    words = complaint(found[0].condition, found[0].instance_id, first)
    sentence = (
        f"{len(found)} of {len(measured)} contexts leak; {words}; audit.leaks=warn makes this a warning"
    )
    if cell.config.audit.leaks == "fail":
        raise PreflightError(sentence)
    log.warning("%s", sentence)
