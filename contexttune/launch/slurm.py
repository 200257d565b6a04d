"""Slurm support for submitit that also works without the accounting database, which many clusters lack."""

from __future__ import annotations

import logging
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, read_write

from contexttune.errors import ConfigError, PreflightError
from contexttune.system.slurm_job import job_state

if TYPE_CHECKING:
    from submitit.slurm.slurm import SlurmInfoWatcher

log = logging.getLogger(__name__)

_SQUEUE = ("squeue", "--noheader", "--array", "--states=all", "--me", "--format=%F|%K|%T|%N")
_POLL_S = 15
_SACCT_TIMEOUT_S = 20
_MAX_UNSEEN = 20  # answers of squeue without a job, after which the job is over
_REQUEUES = 20
_ALIVE = ("RUNNING", "PREEMPTED", "SUSPENDED")


def is_cancelled() -> bool:
    """Whether the controller has ended this process's job (scancel, time limit, lost node).

    False if the job is only preempted, which a further signal announces, or if the controller does not answer.
    """
    return (job_state() or "RUNNING") not in _ALIVE


def wait_for_all_jobs() -> None:
    """Patch submitit so that the launching process waits for each of its jobs, however it ends.

    submitit asks only sacct, and so waits forever for a killed job on clusters without it; and it stops waiting
    at the first lost job. Results of jobs are read from disk, not from submitit.
    """
    from submitit.local.local import LocalJob
    from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

    for kind in (LocalJob, SlurmJob):
        kind.results = _results  # type: ignore[assignment, method-assign]
    SlurmJob.watcher = SlurmInfoWatcher(delay_s=_POLL_S) if _sacct_answers() else _squeue_watcher()


def submitted_jobs() -> list[str]:
    """Ids of the jobs and arrays that this process has submitted."""
    from submitit.slurm.slurm import SlurmJob

    return sorted({job_id.partition("_")[0] for job_id in list(SlurmJob.watcher._registered)})


def require_commands() -> None:
    """Raise PreflightError unless Slurm's commands are on PATH."""
    missing = [name for name in ("sbatch", "srun", "squeue") if shutil.which(name) is None]
    if missing:
        raise PreflightError(
            f"hydra/launcher=slurm needs {', '.join(missing)} on PATH: run the command on a login node of the cluster, or leave "
            "out hydra/launcher"
        )


def requeue_at_time_limit(config: DictConfig) -> None:
    """Requeue jobs that reach their time limit, since a run resumes, unless the user has set max_num_timeout."""
    typed = any("max_num_timeout" in text for text in config.hydra.overrides.hydra)
    if not config.hydra.launcher.max_num_timeout and not typed:
        with read_write(config):
            config.hydra.launcher.max_num_timeout = _REQUEUES


def refusal(error: Exception) -> ConfigError | None:
    """sbatch's message, if `error` is submitit's about jobs that sbatch has refused."""
    from submitit.core.utils import FailedJobError

    if not isinstance(error, FailedJobError):
        return None
    message = "; ".join(line.removeprefix("sbatch: error: ") for line in str(error).splitlines())
    if "array" in message.lower():
        remedy = "submit fewer jobs by one command, for instance with fewer seeds, or ask for a larger MaxArraySize"
    else:
        remedy = "check the keys of hydra.launcher"
    return ConfigError(f"Slurm refuses the jobs ({message}): {remedy}")


def _results(job: Any) -> list[Any]:
    """submitit's `Job.results`, except that a lost job is logged instead of raised."""
    from hydra.core.utils import JobReturn, JobStatus
    from submitit.core.core import Job
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        found: list[Any] = Job.results(job)
    except (UncompletedJobError, FailedJobError):
        log.warning("job %s ended without a result (%s); see %s", job.job_id, job.state, job.paths.stderr)
        return [JobReturn(status=JobStatus.COMPLETED)]
    return found


def _squeue_watcher() -> SlurmInfoWatcher:
    from submitit.slurm.slurm import SlurmInfoWatcher

    class SqueueWatcher(SlurmInfoWatcher):
        """Job states from the controller, which remembers ended jobs for some minutes.

        A job that it does not list any more is over: submitit takes any unknown state as ended.
        """

        def __init__(self) -> None:
            super().__init__(delay_s=_POLL_S)
            self._unseen: dict[str, int] = {}

        def _make_command(self) -> list[str] | None:
            return list(_SQUEUE) if self._registered - self._finished else None

        def read_info(self, string: bytes | str) -> dict[str, dict[str, str]]:
            text = string.decode() if isinstance(string, bytes) else string
            found = read_squeue(text)
            for job_id in self._registered - found.keys():
                self._unseen[job_id] = self._unseen.get(job_id, 0) + 1
                if job_id in self._info_dict or self._unseen[job_id] >= _MAX_UNSEEN:
                    found[job_id] = {"JobID": job_id, "State": "FORGOTTEN", "NodeList": ""}
            return found

    return SqueueWatcher()


def read_squeue(text: str) -> dict[str, dict[str, str]]:
    """Job states by submitit's job id, from lines of `array or job|task or N/A|state|nodes`."""
    found = {}
    for line in text.splitlines():
        job, task, state, nodes = line.split("|", 3)
        job_id = job if task == "N/A" else f"{job}_{task}"
        found[job_id] = {"JobID": job_id, "State": state, "NodeList": nodes}
    return found


def _sacct_answers() -> bool:
    command = ["sacct", "--noheader", "-j", "0"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_SACCT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
