"""task=run: runs one experiment."""

from __future__ import annotations

from dataclasses import dataclass

from omegaconf import DictConfig

from contexttune.interfaces import Task, TaskResult


@dataclass(frozen=True, kw_only=True)
class Run(Task):
    """Run or resume the run that the configuration describes."""

    name: str = "run"

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.experiment.pipeline import run_experiment
        from contexttune.report import summary

        cell, code = run_experiment(cfg)
        if not cell.keeps_records:
            return TaskResult(exit_code=code)
        summaries = {}
        if "summarize" in cell.config.stages:
            summaries[cell.group_id] = summary.rebuild(cell.layout, cell.group_id, cell.config.analysis)
        return TaskResult(exit_code=code, groups={cell.group_id: cell.layout}, summaries=summaries)
