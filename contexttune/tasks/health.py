"""task=health: which instances this machine can grade."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.interfaces import Task, TaskResult


@dataclass(frozen=True, kw_only=True)
class Health(Task):
    """Check the instances of the slice with the configured harness; finished checks are not made again."""

    name: str = "health"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.experiment.cell import cell_of
        from contexttune.tasks.health_check import HealthCheck

        return TaskResult(exit_code=HealthCheck(cell_of(cfg)).run())
