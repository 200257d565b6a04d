"""One Hydra job: runs its task, reports an error in one sentence, and records the outcome in job.json."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from contexttune.config.build import build
from contexttune.config.user_errors import as_user_error, disk_trouble
from contexttune.errors import ExitCode
from contexttune.experiment import job_record
from contexttune.experiment.cell import cell_of
from contexttune.interfaces import Task, TaskResult
from contexttune.launch import interrupts, slurm
from contexttune.launch.session import BUG_NOTICE, current_session
from contexttune.paths import Layout
from contexttune.system.files import locked
from contexttune.system.redaction import masked

log = logging.getLogger(__name__)

_POLL_S = 1.0


def run_job(cfg: DictConfig) -> float | None:
    """Run `cfg.task`. A known error is logged and recorded, so that the other jobs of a sweep still run.

    Returns what an optimizing sweeper is to maximize; None if the task has no objective or failed.
    """
    session = current_session()
    session.begin_job()
    output_dir = Path(HydraConfig.get().runtime.output_dir)
    launcher = str(HydraConfig.get().launcher._target_)
    if "submitit" not in launcher:
        result = run_recorded(cfg, output_dir)
        session.end_job(result)
        return result.objective
    # not by SLURM_JOB_ID, which other jobs inside an allocation have too
    on_slurm = launcher.endswith(".SlurmLauncher")
    n_slots = None if on_slurm else cfg.jobs_at_once  # Slurm has a queue, and array_parallelism
    try:
        with _cancellable(on_slurm), slot(output_dir.parent, n_slots):
            return run_recorded(cfg, output_dir).objective
    except BaseException:  # noqa: BLE001 - recorded
        interrupts.end_process(ExitCode.INTERRUPTED)


def run_recorded(cfg: DictConfig, output_dir: Path) -> TaskResult:
    """Run the task and record in `output_dir`/job.json how it ended. Raises KeyboardInterrupt."""
    try:
        with job_record.kept(output_dir) as note:
            try:
                task: Task = build(dict(cfg.task), "task", kind=Task)
                result = task.execute(cfg)
                note.code = result.exit_code
                return result
            except Exception as error:  # noqa: BLE001 - logged and recorded
                note.code, note.error = _log_error(error)
            return TaskResult(exit_code=note.code, groups=_begun_group(cfg, output_dir))
    except OSError as error:  # job.json could not be written
        if (message := disk_trouble(error)) is None:
            raise
        log.error("%s", message)
    return TaskResult(exit_code=ExitCode.MISSING_UNITS)


def _log_error(error: Exception) -> tuple[ExitCode, str]:
    """Log what ended the task, with a traceback if it is a bug. Raises KeyboardInterrupt."""
    if interrupts.is_cause_of(error):
        raise KeyboardInterrupt
    if (found := as_user_error(error)) is not None:
        message = str(masked(str(found)))
        log.error("%s", message)
        return found.exit_code, message
    from submitit.core.utils import UncompletedJobError

    # raised by submitit's signal handler in the middle of our code
    if isinstance(error, UncompletedJobError):
        log.warning("interrupted: %s", error)
        raise KeyboardInterrupt from None
    log.error(BUG_NOTICE, exc_info=error)  # Hydra 1.3 would leave the traceback out of the job's log
    return ExitCode.FAILED, str(masked(f"{type(error).__name__}: {error}"))


def _begun_group(cfg: DictConfig, output_dir: Path) -> dict[str, Layout]:
    """The group of a failed task=run that has begun: it may have results to show."""
    if not (output_dir / "run.json").exists():
        return {}
    cell = cell_of(cfg)
    return {cell.group_id: cell.layout}


@contextmanager
def _cancellable(on_slurm: bool) -> Iterator[None]:
    """Let signals end the job as Ctrl-C does, except the one by which submitit requeues it.

    submitit ignores SIGTERM: on Slurm it may precede a requeue.
    """

    def end(number: int, frame: Any) -> None:
        if interrupts.is_handled():
            return
        if not on_slurm or number != signal.SIGTERM or slurm.is_cancelled():
            interrupts.interrupt(number, frame)

    free = (signal.SIG_DFL, signal.default_int_handler)
    ending = [n for n in interrupts.ENDING if n == signal.SIGTERM or signal.getsignal(n) in free]
    before = {number: signal.signal(number, end) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def slot(sweep_dir: Path, n_slots: int | None) -> Iterator[None]:
    """Occupy one of the sweep's `n_slots` slots, waiting until one is free. None: no limit."""
    with ExitStack() as stack:
        if n_slots is not None:
            while not _occupy_slot(stack, sweep_dir, n_slots):
                time.sleep(_POLL_S)
        yield


def _occupy_slot(stack: ExitStack, sweep_dir: Path, n_slots: int) -> bool:
    from filelock import Timeout

    for number in range(n_slots):
        with suppress(Timeout):
            stack.enter_context(locked(sweep_dir / f".slot{number}.lock", timeout_s=0))
            return True
    return False
