"""A sweep as its launching process sees it: which cells it will fill, checked before the first begins, and how its jobs ended."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from contexttune.config.schema import AnalysisConfig
from contexttune.config.user_errors import known
from contexttune.config.validation import check
from contexttune.errors import ConfigError, ExitCode
from contexttune.experiment import job_record
from contexttune.experiment.cell import Cell, cell_of
from contexttune.experiment.run_record import RunRecord
from contexttune.launch.slurm import submitted_jobs
from contexttune.paths import Layout
from contexttune.system.files import write_json
from contexttune.types import GoldInstance

log = logging.getLogger(__name__)

_LOOK_S = 5.0


@dataclass(frozen=True, kw_only=True)
class PlannedJob:
    """One job of a sweep."""

    overrides: Sequence[str]
    directory: Path
    cell: Cell | None  # None where the task fills no cell
    record: Path | None  # where the cell is written down as planned

    @property
    def words(self) -> str:
        """The overrides, as a person types them."""
        return " ".join(self.overrides)


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """The jobs that one command launches."""

    jobs: Sequence[PlannedJob]
    is_launched: bool  # each job is a process of its own, which cannot tell us its exit code
    is_slurm: bool
    _begun: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    _ended: set[int] = field(default_factory=set, init=False, repr=False, compare=False)
    _looking: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def record(self) -> None:
        """Write down the cells that will be filled, so that a report knows what is missing."""
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
        """What the jobs' answers are judged by, and the overrides that say it; (None, []) where they fill no cell."""
        for job in self.jobs:
            if job.cell is not None and job.cell.group_id == group_id:
                return job.cell.config.analysis, job.overrides
        return None, []

    def exit_codes(self) -> list[ExitCode]:
        """How the jobs ended, by their notes; one that left none has results missing. Says which these are."""
        self._look()
        codes = []
        for job in self.jobs:
            note = job_record.read(job.directory) or {}
            code = ExitCode(note.get("exit_code", ExitCode.MISSING_UNITS))
            if code is ExitCode.INTERRUPTED:  # that job, not this program
                code = ExitCode.MISSING_UNITS
            if code is not ExitCode.DONE:
                log.warning("%s: %s", job.words, job_record.words(note))
            codes.append(code)
        return codes

    def begin_telling(self) -> None:
        """Say in the log which jobs begin and end, while this process waits for them."""
        threading.Thread(target=self._tell, name="sweep", daemon=True).start()

    def _tell(self) -> None:
        is_queue_told = not self.is_slurm
        while len(self._ended) < len(self.jobs):
            time.sleep(_LOOK_S)
            self._look()
            if not is_queue_told and not self._begun and (queued := submitted_jobs()):
                log.info(
                    "%d jobs are queued; squeue -j %s says for what they wait",
                    len(self.jobs),
                    ",".join(queued),
                )
                is_queue_told = True

    def _look(self) -> None:
        with self._looking:
            for number, job in enumerate(self.jobs):
                note = job_record.read(job.directory) if number not in self._ended else None
                if note is None:
                    continue
                if number not in self._begun:
                    self._begun.add(number)
                    log.info(
                        "job %d of %d has begun on %s: %s",
                        number,
                        len(self.jobs),
                        job_record.process_of(note).host,
                        job.words,
                    )
                if "exit_code" in note:
                    self._ended.add(number)
                    n_ended, words = len(self._ended), job_record.words(note)
                    log.info("job %d ended (%d of %d): %s", number, n_ended, len(self.jobs), words)


def plan(config: DictConfig) -> Sweep:
    """The jobs that Hydra's basic sweeper is about to launch, each composed and checked.

    Raises ConfigError when one of them cannot be, or two are the same run.
    """
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException

    _ = config.hydra.sweep.dir  # holds the time: once asked for, it is the same in every job
    loader = GlobalHydra.instance().config_loader()
    jobs = []
    for number, overrides in enumerate(_expand(config)):
        try:
            composed = loader.load_sweep_config(config, overrides)
            jobs.append(_planned_job(composed, number, overrides))
        except (ConfigError, HydraException) as error:
            raise ConfigError(f"{' '.join(overrides)}: {known(error)}") from None
    _require_different_runs(jobs)
    _require_groups_that_fit(jobs)
    target = str(config.hydra.launcher._target_)
    return Sweep(jobs=jobs, is_launched="submitit" in target, is_slurm=target.endswith(".SlurmLauncher"))


def _expand(config: DictConfig) -> list[list[str]]:
    """The overrides of every job, as the sweeper will expand them: its parameters, then the command line's."""
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
    """Before a cell is written down as planned: one that is refused afterwards would stay a gap in its group."""
    read: dict[str, list[GoldInstance]] = {}  # each dataset is read once
    for job in jobs:
        if (cell := job.cell) is None:
            continue
        try:
            key = f"{cell.group_id} {cell.config.slice}"
            cell.instances = read[key] = read.get(key) or cell.instances
            if cell.keeps_records:
                RunRecord(cell).require_fit()
        except ConfigError as error:
            raise ConfigError(f"{job.words}: {error}") from None


def _require_different_runs(jobs: Sequence[PlannedJob]) -> None:
    times = Counter(job.record for job in jobs if job.record)
    twice = [job.words for job in jobs if job.record and times[job.record] > 1]
    if twice:
        raise ConfigError(
            f"these jobs would be the same run: {'; '.join(twice[:4])}: what they differ in changes no result; sweep over condition, seed or slice.shard_index"
        )
