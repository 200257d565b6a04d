"""task=run: one experiment."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig


@dataclass(frozen=True, kw_only=True)
class Run:
    """Run or resume the run that the configuration describes."""

    name: str = "run"

    def execute(self, cfg: DictConfig) -> int:
        from contexttune.experiment.run import run_experiment

        return run_experiment(cfg)
