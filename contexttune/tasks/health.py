"""task=health: checks which instances this machine can grade."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.experiment.cell import cell_of
from contexttune.interfaces import Task, TaskResult
from contexttune.tasks.health_check import HealthCheck


@dataclass(frozen=True, kw_only=True)
class Health(Task):
    """Grade the gold patch and an empty change on each instance of the slice. Repeating the command resumes."""

    name: str = "health"

    def execute(self, cfg: DictConfig) -> TaskResult:
        return TaskResult(exit_code=HealthCheck(cell_of(cfg)).run())
