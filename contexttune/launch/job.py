"""One Hydra job: a task, its exit code, an error as one sentence, and a note of both for whoever launched it."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from contexttune.config.build import build
from contexttune.config.user_errors import disk_trouble, known
from contexttune.errors import ExitCode
from contexttune.experiment import job_record
from contexttune.interfaces import Task, TaskResult
from contexttune.launch import slurm
from contexttune.launch.session import BUG_NOTICE, current_session
from contexttune.system.files import locked
from contexttune.system.redaction import masked

log = logging.getLogger(__name__)

_POLL_S = 1.0


def run_job(cfg: DictConfig) -> float | None:
    """Execute `cfg.task`. Known errors are logged and noted, so that the other jobs of a sweep still run.

    Returns what a sweeper that looks for the best is to make large; None where there is nothing, or the task failed.
    """
    session = current_session()
    session.begin_job()
    output_dir = Path(HydraConfig.get().runtime.output_dir)
    launcher = str(HydraConfig.get().launcher._target_)
    if "submitit" not in launcher:  # which runs each job in a process of its own
        result = _noted(cfg, output_dir)
        session.end_job(result)
        return result.objective
    try:
        on_slurm = launcher.endswith(
            ".SlurmLauncher"
        )  # by SLURM_JOB_ID other jobs inside an allocation would be, too
        # Slurm has array_parallelism, and a queue
        with _cancellable(on_slurm), slot(output_dir.parent, None if on_slurm else cfg.jobs_at_once):
            return _noted(cfg, output_dir).objective
    except BaseException:  # noqa: BLE001 - noted, and nothing may keep this process: not a thread that waits for an answer
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ExitCode.INTERRUPTED)


def _noted(cfg: DictConfig, output_dir: Path) -> TaskResult:
    """The task's result, its exit code written beside Hydra's files of the job. Raises what interrupts."""
    try:
        return _executed(cfg, output_dir)
    except OSError as error:  # of the note itself
        if (words := disk_trouble(error)) is None:
            raise
        log.error("%s", words)
    return TaskResult(exit_code=ExitCode.MISSING_UNITS)


def _executed(cfg: DictConfig, output_dir: Path) -> TaskResult:
    with job_record.kept(output_dir) as note:
        try:
            task: Task = build(dict(cfg.task), "task")
            result = task.execute(cfg)
            note.code = result.exit_code
            return result
        except Exception as error:
            if (found := known(error)) is not None:
                note.code, note.error = found.exit_code, masked(str(found))
                log.error("%s", note.error)
                return TaskResult(exit_code=note.code)
            from submitit.core.utils import UncompletedJobError

            if isinstance(
                error, UncompletedJobError
            ):  # raised by submitit's handler of signals, where it met us
                log.warning("interrupted: %s", error)
                raise KeyboardInterrupt from None
            # a defect of ours: Hydra 1.3 would leave it out of the job's log
            log.exception(BUG_NOTICE)
            note.code, note.error = ExitCode.FAILED, masked(f"{type(error).__name__}: {error}")
    return TaskResult(exit_code=note.code)


@contextmanager
def _cancellable(on_slurm: bool) -> Iterator[None]:
    """Let SIGTERM end the job as Ctrl-C does. submitit ignores it: on a cluster it may come before a requeue."""

    def end(number: int, frame: Any) -> None:
        if not on_slurm or slurm.is_cancelled():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def slot(sweep_dir: Path, n_slots: int | None) -> Iterator[None]:
    """One of `n_slots` places; waits until one is free. None: no limit."""
    with ExitStack() as stack:
        if n_slots is not None:
            while not _took_one(stack, sweep_dir, n_slots):
                time.sleep(_POLL_S)
        yield


def _took_one(stack: ExitStack, sweep_dir: Path, n_slots: int) -> bool:
    from filelock import Timeout

    for number in range(n_slots):
        with suppress(Timeout):
            stack.enter_context(locked(sweep_dir / f".slot{number}.lock", timeout_s=0))
            return True
    return False
