"""A sweep before its first job begins: every job is composed and checked, and its runs are recorded as planned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from contexttune.config.schema import AnalysisConfig
from contexttune.config.user_errors import as_user_error
from contexttune.config.validation import check
from contexttune.errors import ConfigError
from contexttune.experiment.cell import Cell, cell_of
from contexttune.experiment.run_record import RunRecord
from contexttune.paths import Layout
from contexttune.system.files import write_json
from contexttune.types import GoldInstance


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """One job of a sweep.

    Attributes:
        cell: None for a task other than task=run.
        record: cell.json, which records the run as planned.
    """

    overrides: Sequence[str]
    directory: Path
    cell: Cell | None
    record: Path | None

    @property
    def command(self) -> str:
        """The overrides as a user types them."""
        return " ".join(self.overrides)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The jobs that one command launches.

    Attributes:
        is_launched: whether each job runs in a process of its own.
    """

    jobs: Sequence[PlannedJob]
    is_launched: bool
    is_slurm: bool

    def record(self) -> None:
        """Record the runs as planned, so that a report can tell which are missing."""
        for job in self.jobs:
            if job.cell and job.record and job.cell.keeps_records:
                planned = {
                    "run_id": job.cell.run_id,
                    "condition": job.cell.condition,
                    "seed": job.cell.config.seed,
                    "overrides": job.overrides,
                    "job_dir": str(job.directory),
                }
                write_json(job.record, planned)

    @property
    def groups(self) -> dict[str, Layout]:
        """The groups that the jobs keep records in."""
        cells = [job.cell for job in self.jobs if job.cell is not None]
        return {cell.group_id: cell.layout for cell in cells if cell.keeps_records}

    def analysis(self, group_id: str) -> tuple[AnalysisConfig | None, Sequence[str]]:
        """The analysis settings of the group's jobs, and the overrides that set them; (None, []) without a job."""
        for job in self.jobs:
            if job.cell is not None and job.cell.group_id == group_id:
                return job.cell.config.analysis, job.overrides
        return None, []


def plan(config: DictConfig) -> Sweep:
    """Compose and check every job that Hydra's basic sweeper is about to launch.

    Raises ConfigError if a job is invalid, or if two jobs would be the same run.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    _ = config.hydra.sweep.dir  # contains the time: resolved once, it is the same in every job
    loader = GlobalHydra.instance().config_loader()
    jobs = []
    for number, overrides in enumerate(_expand(config)):
        try:
            composed = loader.load_sweep_config(config, overrides)
            jobs.append(_planned_job(composed, number, overrides))
        except (ConfigError, HydraException) as error:
            raise ConfigError(f"{' '.join(overrides)}: {as_user_error(error)}") from None
    _require_different_runs(jobs)
    _require_groups_that_fit(jobs)
    target = str(config.hydra.launcher._target_)
    return Sweep(jobs=jobs, is_launched="submitit" in target, is_slurm=target.endswith(".SlurmLauncher"))


def _expand(config: DictConfig) -> list[list[str]]:
    """The overrides of every job, as the sweeper expands them: its parameters, then the command line's."""
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.overrides_parser import OverridesParser

    saved: Any = OmegaConf.to_container(config.hydra, resolve=False)
    params = saved["sweeper"]["params"] or {}
    arguments = [*(f"{key}={value}" for key, value in params.items()), *saved["overrides"]["task"]]
    parsed = OverridesParser.create().parse_overrides(arguments)
    batches: list[list[list[str]]] = BasicSweeper.split_arguments(parsed, None)
    return batches[0]


def _planned_job(composed: DictConfig, number: int, overrides: Sequence[str]) -> PlannedJob:
    with open_dict(composed):
        composed.hydra.job.num = number
        composed.hydra.job.id = str(number)
        directory = Path(composed.hydra.sweep.dir) / composed.hydra.sweep.subdir
        del composed["hydra"]
    cell = cell_of(composed) if composed.task.get("name") == "run" else None
    if cell is None:
        check(composed)
    else:
        cell.check()
    record = cell.layout.planned(cell.group_id, cell.run_id) if cell else None
    return PlannedJob(overrides=list(overrides), directory=directory.resolve(), cell=cell, record=record)


def _require_groups_that_fit(jobs: Sequence[PlannedJob]) -> None:
    """Check before any run is recorded as planned: one refused later would leave a gap in its group."""
    datasets: dict[str, list[GoldInstance]] = {}  # each is read once
    for job in jobs:
        if (cell := job.cell) is None:
            continue
        try:
            key = f"{cell.group_id} {cell.config.slice}"
            cell.instances = datasets[key] = datasets.get(key) or cell.instances
            if cell.keeps_records:
                RunRecord(cell).require_fit()
        except ConfigError as error:
            raise ConfigError(f"{job.command}: {error}") from None


def _require_different_runs(jobs: Sequence[PlannedJob]) -> None:
    times = Counter(job.record for job in jobs if job.record)
    same = [job.command for job in jobs if job.record and times[job.record] > 1]
    if same:
        raise ConfigError(
            f"these jobs would be the same run: {'; '.join(same[:4])}: "
            "sweep over a key that changes results, such as condition, seed or slice.shard_index"
        )
