"""task=audit: what contexts know of the answer, measured without a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from contexttune.interfaces import Task, TaskResult

if TYPE_CHECKING:
    from contexttune.experiment.cell import Cell
    from contexttune.tasks.audit.conditions import Arm
    from contexttune.tasks.audit.measure import Measured

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Audit(Task):
    """Measure `audit.conditions` on the slice at `audit.budgets_chars`; with `show`, print an instance's blocks instead.

    A context that leaks ends it with exit code 3, after all is written, unless `audit.leaks` says otherwise.
    """

    name: str = "audit"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.experiment.cell import cell_of
        from contexttune.tasks.audit import held_out
        from contexttune.tasks.audit.conditions import arms_of, require_reference, with_signals

        cell, job = cell_of(cfg), _job()
        if job.in_sweep:
            held_out.refuse_search(cell.config.audit)
        arms = arms_of(cell, cell.config.audit.conditions, job.typed)
        require_reference(cell, arms)
        cell.instances = held_out.select(cell.instances, cell.config.audit)
        for arm in arms:
            arm.cell.instances = cell.instances
            _ = arm.generator(None), arm.generator(cell.config.audit.budgets_chars[0])  # checks both
        cell = with_signals(cell, arms)
        if cell.config.show is not None:
            _show(cell, arms, cell.config.show)
            return TaskResult()
        return TaskResult(objective=_measure(cell, arms, job))


@dataclass(frozen=True, kw_only=True)
class _Job:
    """What Hydra says of this one."""

    typed: Sequence[str] = ()  # overrides, a sweep's parameters included
    directory: Path | None = None
    in_sweep: bool = False


def _job() -> _Job:
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    if not HydraConfig.initialized():
        return _Job()
    hydra = HydraConfig.get()
    directory = Path(hydra.runtime.output_dir)
    return _Job(
        typed=list(hydra.overrides.task), directory=directory, in_sweep=hydra.mode is RunMode.MULTIRUN
    )


def _show(cell: Cell, arms: Sequence[Arm], instance_id: str) -> None:
    from contexttune.errors import ConfigError
    from contexttune.tasks.audit import annotate

    found = next((i for i in cell.instances if i.instance_id == instance_id), None)
    if found is None:
        raise ConfigError(
            f"show={instance_id} is not in slice={cell.config.slice.name}: name one of its instances"
        )
    annotate.show(cell, arms, found)


def _measure(cell: Cell, arms: Sequence[Arm], job: _Job) -> float | None:
    from contexttune.tasks.audit import console, held_out, search, write
    from contexttune.tasks.audit.means import summarize
    from contexttune.tasks.audit.measure import measure
    from contexttune.tasks.audit.paired import differences

    keys = cell.config.audit
    home = write.home_of(cell, arms, in_sweep=job.in_sweep)
    measured = measure(cell, arms, sorted(set(keys.budgets_chars)))
    found = write.Findings(
        measured=measured,
        summary=summarize(measured),
        differences=differences(measured, keys.reference or arms[0].condition),
        looks=held_out.note_looks(cell.layout, keys, arms),
        is_held_out=keys.split == "held_out",
    )
    write.write(home, write.settings_of(cell, arms), found)
    console.show(found, home, brief=job.in_sweep)  # the end of a sweep has a table of its own
    if job.directory and job.in_sweep:
        search.note_job(job.directory, home, keys.name, job.typed)
    _judge(cell, measured)
    return search.objective(found.summary, cell.condition)


def _judge(cell: Cell, measured: Sequence[Measured]) -> None:
    """Raises PreflightError for contexts that leak."""
    from contexttune.errors import PreflightError
    from contexttune.experiment.leak_check import complaint
    from contexttune.tasks.audit.means import leaking

    found = leaking(measured)
    if not found:
        return
    first = next(leak for leak in found[0].leaks if not leak.is_expected)
    words = complaint(found[0].condition, found[0].instance_id, first)
    sentence = f"{len(found)} of {len(measured)} contexts leak; {words}; audit.leaks=warn only says so"
    if cell.config.audit.leaks == "fail":
        raise PreflightError(sentence)
    log.warning("%s", sentence)
