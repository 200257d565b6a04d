"""What this process has done so far, for its exit code and its closing table.

Hydra gives a sweep's results to nobody when one of its jobs fails, so jobs leave a note here instead.
"""

from __future__ import annotations

import shlex
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from hydra.experimental.callback import Callback
from omegaconf import OmegaConf

from contexttune.config.user_errors import known
from contexttune.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from contexttune.config.schema import AnalysisConfig
    from contexttune.launch.sweep import Sweep
    from contexttune.paths import Layout
    from contexttune.report.group import Group

# The most telling code of several jobs wins.
_ORDER = (
    ExitCode.DONE,
    ExitCode.MISSING_UNITS,
    ExitCode.BUDGET,
    ExitCode.FAILED,
    ExitCode.PREFLIGHT,
    ExitCode.BAD_CONFIG,
    ExitCode.INTERRUPTED,
)


@dataclass
class Session:
    """One invocation of the program."""

    jobs: int = 0
    exit_codes: list[ExitCode] = field(default_factory=list)
    groups: dict[str, Layout] = field(default_factory=dict)  # group_id -> where its files are
    sweep: Sweep | None = None
    sweep_dir: Path | None = None  # Hydra's directory of this sweep, whatever sweeper it has
    objective: float | None = None  # of the last job of this process, for a sweeper that looks for the best
    _fresh: dict[str, dict[str, Any]] = field(default_factory=dict)  # summaries that nothing was done after

    def begin_job(self) -> None:
        """Count a job of this process; what it does, or fails to do, no summary of its group knows yet."""
        self.jobs += 1
        self.objective = None
        changing = list(self._fresh) if self.sweep is None else self.sweep.groups
        for group_id in changing:
            self._fresh.pop(group_id, None)

    def summarize(self, layout: Layout, group_id: str, analysis: AnalysisConfig) -> Group:
        """Rebuild a group's summary, which the closing table then shows."""
        from contexttune.report import summary

        self.groups[group_id] = layout
        self._fresh[group_id], found = summary.write(layout, group_id, analysis)
        return found

    def summary_of(self, group_id: str) -> Mapping[str, Any]:
        """The one that `summarize` made last."""
        return self._fresh[group_id]

    def launch(self, sweep: Sweep) -> None:
        """Take note of a sweep whose jobs are about to begin."""
        self.sweep = sweep
        sweep.record()
        if sweep.is_launched:
            from contexttune.launch.slurm import watch_jobs_to_their_end

            watch_jobs_to_their_end()
            sweep.begin_telling()

    @property
    def jobs_in_queue(self) -> list[str]:
        """Slurm's numbers of the jobs that were submitted; they do not end with this process."""
        from contexttune.launch.slurm import submitted_jobs

        return submitted_jobs() if self.sweep and self.sweep.is_slurm else []

    def finish(self) -> ExitCode:
        """The exit code of all jobs, with what those have done that were not this process's own."""
        codes = list(self.exit_codes)
        if self.sweep and self.sweep.is_launched:
            codes += self.sweep.exit_codes()
            self.groups |= self.sweep.groups
        return max(codes, key=_ORDER.index, default=ExitCode.DONE)

    def show_tables(self) -> None:
        """The tables of every group that this process worked on, and what the audits of its sweep add up to."""
        from contexttune.report import group, summary, tables

        for group_id, layout in self.groups.items():
            if group_id in self._fresh or group.exists(layout, group_id):
                asked = self.sweep.analysis(group_id) if self.sweep else (None, [])
                tables.show(layout, self._fresh.get(group_id) or summary.rebuild(layout, group_id, *asked))
        if self.sweep_dir is not None:
            from contexttune.tasks.audit import pareto_front

            pareto_front.close(self.sweep_dir)


current = Session()


class Watch(Callback):
    """Hydra's callback: refuses what Hydra would do silently wrong."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _before_jobs(config)
        launcher = config.hydra.runtime.choices.get("hydra/launcher")
        if launcher != "basic":  # Hydra would run it here, on the login node, and say nothing
            typed = " ".join(map(shlex.quote, sys.argv[1:]))
            _refuse(f"hydra/launcher={launcher} needs -m: python -m contexttune -m {typed}")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _before_jobs(config)
        # holds the time: once asked for, it is the same in every job
        current.sweep_dir = Path(config.hydra.sweep.dir).absolute()
        if not config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            return  # it decides as it goes what the jobs are
        from contexttune.launch import slurm, sweep

        try:
            current.launch(sweep.plan(config))
            if current.sweep and current.sweep.is_slurm:
                slurm.requeue_at_time_limit(config)
        except Exception as error:  # noqa: BLE001 - Hydra would go on, with jobs that nobody watches
            if (found := known(error)) is not None:
                _refuse(str(found), found.exit_code)
            traceback.print_exc()
            _refuse(f"this is a defect of contexttune, please report it ({type(error).__name__})")


def _before_jobs(config: DictConfig) -> None:
    """In the launching process, before a file is written."""
    from contexttune.experiment import code_state
    from contexttune.system import redaction

    try:
        redaction.refuse(cast("dict[str, Any]", OmegaConf.to_container(config, resolve=False)))
    except ConfigError as error:
        _refuse(str(error))
    code_state.note_submission()


def _refuse(words: str, code: ExitCode = ExitCode.BAD_CONFIG) -> NoReturn:
    """Hydra swallows a callback's exceptions, but not this one."""
    sys.stderr.write(f"error: {words}\n")
    raise SystemExit(code)
