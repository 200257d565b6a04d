"""task=audit: what contexts know of the answer, measured without a model."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from contexttune.audit.arms import Arm
    from contexttune.audit.measure import Measured
    from contexttune.cell import Cell

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Measure `audit.conditions` on the slice at `audit.budgets_chars`; with `show`, print an instance's blocks instead.

    A context that leaks ends it with exit code 3, after all is written, unless `audit.leaks` says otherwise.
    """

    name: str = "audit"

    def execute(self, cfg: DictConfig) -> int:
        from contexttune.audit.arms import arms_of, with_signals
        from contexttune.cell import cell_of
        from contexttune.errors import ExitCode

        cell = cell_of(cfg)
        arms = arms_of(cell, cell.config.audit.conditions, _typed())
        for arm in arms:
            arm.cell.instances = cell.instances
            _ = arm.generator(None), arm.generator(cell.config.audit.budgets_chars[0])  # checks both
        cell = with_signals(cell, arms)
        if cell.config.show is not None:
            _show(cell, arms, cell.config.show)
        else:
            _measure(cell, arms)
        return ExitCode.DONE


def _typed() -> list[str]:
    """The overrides of the command line."""
    from hydra.core.hydra_config import HydraConfig

    return list(HydraConfig.get().overrides.task) if HydraConfig.initialized() else []


def _show(cell: Cell, arms: Sequence[Arm], instance_id: str) -> None:
    from contexttune.audit import show
    from contexttune.errors import ConfigError

    found = next((i for i in cell.instances if i.instance_id == instance_id), None)
    if found is None:
        raise ConfigError(
            f"show={instance_id} is not in slice={cell.config.slice.name}: name one of its instances"
        )
    show.show(cell, arms, found)


def _measure(cell: Cell, arms: Sequence[Arm]) -> None:
    from contexttune.audit import files, tables
    from contexttune.audit.measure import measure
    from contexttune.audit.summary import summarize

    measured = measure(cell, arms, sorted(set(cell.config.audit.budgets_chars)))
    summary = summarize(measured)
    home = files.write(cell, arms, measured, summary)
    tables.show(summary, home)
    _judge(cell, measured)


def _judge(cell: Cell, measured: Sequence[Measured]) -> None:
    """Raises PreflightError for contexts that leak."""
    from contexttune.audit.leak_check import complaint
    from contexttune.audit.summary import leaking
    from contexttune.errors import PreflightError

    found = leaking(measured)
    if not found:
        return
    first = next(leak for leak in found[0].leaks if not leak.is_expected)
    words = complaint(found[0].condition, found[0].instance_id, first)
    sentence = f"{len(found)} of {len(measured)} contexts leak; {words}; audit.leaks=warn only says so"
    if cell.config.audit.leaks == "fail":
        raise PreflightError(sentence)
    log.warning("%s", sentence)
