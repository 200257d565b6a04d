"""State of one invocation of the program: its jobs, their exit codes, the groups that they worked on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contexttune.errors import ExitCode
from contexttune.interfaces import TaskResult

if TYPE_CHECKING:
    from contexttune.launch.job_watcher import JobWatcher
    from contexttune.launch.sweep import Sweep
    from contexttune.paths import Layout

BUG_NOTICE = "this is a bug in contexttune, please report it"
# The exit code of several jobs is the last of these that any of them has.
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
    """One invocation of the program.

    Attributes:
        jobs: number of jobs begun in this process.
        groups: group_id -> where the group's files are.
        sweep: the planned jobs; None for a single run, and for a sweeper that chooses jobs as it goes.
        sweep_dir: Hydra's directory of the sweep, with any sweeper.
    """

    jobs: int = 0
    exit_codes: list[ExitCode] = field(default_factory=list)
    groups: dict[str, Layout] = field(default_factory=dict)
    sweep: Sweep | None = None
    sweep_dir: Path | None = None
    watcher: JobWatcher | None = None
    # summaries of groups that have not changed since
    _summaries: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def begin_job(self) -> None:
        """Count a job of this process, and drop the summaries that it may make stale."""
        self.jobs += 1
        changing = list(self._summaries) if self.sweep is None else self.sweep.groups
        for group_id in changing:
            self._summaries.pop(group_id, None)

    def end_job(self, result: TaskResult) -> None:
        """Add the result of a job of this process."""
        self.exit_codes.append(result.exit_code)
        self.groups |= result.groups
        self._summaries |= result.summaries

    def launch(self, sweep: Sweep) -> None:
        """Record a sweep whose jobs are about to begin."""
        self.sweep = sweep
        sweep.record()
        if sweep.is_launched:
            from contexttune.launch.job_watcher import JobWatcher
            from contexttune.launch.slurm import wait_for_all_jobs

            wait_for_all_jobs()
            self.watcher = JobWatcher(sweep.jobs, on_slurm=sweep.is_slurm)

    @property
    def jobs_in_queue(self) -> list[str]:
        """Slurm job ids of the submitted jobs, which outlive this process."""
        from contexttune.launch.slurm import submitted_jobs

        return submitted_jobs() if self.sweep and self.sweep.is_slurm else []

    def finish(self) -> ExitCode:
        """The exit code of all jobs, including those that ran in other processes."""
        codes = list(self.exit_codes)
        if self.sweep and self.watcher:
            codes += self.watcher.exit_codes()
            self.groups |= self.sweep.groups
        return max(codes, key=_ORDER.index, default=ExitCode.DONE)

    def show_tables(self) -> None:
        """Print the summary of every group that the jobs worked on."""
        if not self.groups:  # --cfg and --help need none of these imports
            return
        from contexttune.report import group, summary, tables

        for group_id, layout in self.groups.items():
            if group_id in self._summaries or group.exists(layout, group_id):
                analysis = self.sweep.analysis(group_id) if self.sweep else (None, [])
                found = self._summaries.get(group_id) or summary.rebuild(layout, group_id, *analysis)
                tables.show(layout, found)


_SESSION: ContextVar[Session] = ContextVar("session")


@contextmanager
def new_session() -> Iterator[Session]:
    """A session that Hydra's callback and the jobs of this process find by `current_session`."""
    session = Session()
    token = _SESSION.set(session)
    try:
        yield session
    finally:
        _SESSION.reset(token)
        if session.watcher:
            session.watcher.stop()


def current_session() -> Session:
    """The session of this invocation; an empty one in a process that a launcher started."""
    return _SESSION.get(None) or Session()
