"""Slurm without its accounting database, which many clusters do not have, and jobs that end as no job should."""

from __future__ import annotations

import logging
import subprocess
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, read_write

from contexttune.errors import ConfigError
from contexttune.system.slurm_job import job_state

if TYPE_CHECKING:
    from submitit.slurm.slurm import SlurmInfoWatcher

log = logging.getLogger(__name__)

_SQUEUE = ("squeue", "--noheader", "--array", "--states=all", "--me", "--format=%F|%K|%T|%N")
_POLL_S = 15
_NEVER_SEEN = 20  # answers of squeue, after which a job that was in none of them is over
_ASK_TIMEOUT_S = 20
_REQUEUES = 20
_AT_WORK = ("RUNNING", "PREEMPTED", "SUSPENDED")


def is_cancelled() -> bool:
    """Whether the controller has ended the job of this process (scancel, its time limit, its node).

    False when it is only preempted, which a further signal says, and when the controller does not answer.
    """
    return (job_state() or "RUNNING") not in _AT_WORK


def watch_jobs_to_their_end() -> None:
    """Let a launching process wait for every one of its jobs, however it ends, and with or without sacct.

    submitit asks sacct alone, and so waits for ever for a job that was killed where there is none; and it stops
    waiting for the others at the first job that is lost. What jobs have done is read from disk, not from here.
    """
    from submitit.local.local import LocalJob
    from submitit.slurm.slurm import SlurmInfoWatcher, SlurmJob

    for kind in (LocalJob, SlurmJob):
        kind.results = _results  # type: ignore[assignment, method-assign]
    SlurmJob.watcher = SlurmInfoWatcher(delay_s=_POLL_S) if _sacct_answers() else _squeue_watcher()


def submitted_jobs() -> list[str]:
    """Numbers of the jobs and arrays that this process has submitted."""
    from submitit.slurm.slurm import SlurmJob

    return sorted({job_id.partition("_")[0] for job_id in list(SlurmJob.watcher._registered)})


def requeue_at_time_limit(config: DictConfig) -> None:
    """Let a job go on after its time limit, unless the user has said how often it may: a run resumes where it was."""
    typed = any("max_num_timeout" in text for text in config.hydra.overrides.hydra)
    if not config.hydra.launcher.max_num_timeout and not typed:
        with read_write(config):
            config.hydra.launcher.max_num_timeout = _REQUEUES


def refusal(error: Exception) -> ConfigError | None:
    """sbatch's own message, where `error` is submitit's for jobs that it refused."""
    from submitit.core.utils import FailedJobError

    if not isinstance(error, FailedJobError):
        return None
    message = "; ".join(line.removeprefix("sbatch: error: ") for line in str(error).splitlines())
    return ConfigError(f"Slurm refuses the jobs: {message}: see the keys of hydra.launcher")


def _results(job: Any) -> list[Any]:
    """submitit's `Job.results`, but a lost job is a line in the log."""
    from hydra.core.utils import JobReturn, JobStatus
    from submitit.core.core import Job
    from submitit.core.utils import FailedJobError, UncompletedJobError

    try:
        found: list[Any] = Job.results(job)
    except (UncompletedJobError, FailedJobError):
        log.warning(
            "job %s ended without a word (%s); its output: %s", job.job_id, job.state, job.paths.stderr
        )
        return [JobReturn(status=JobStatus.COMPLETED)]
    return found


def _squeue_watcher() -> SlurmInfoWatcher:
    from submitit.slurm.slurm import SlurmInfoWatcher

    class SqueueWatcher(SlurmInfoWatcher):
        """Job states from the controller, which remembers ended jobs for some minutes.

        A job that it has forgotten, or has never known, is over: submitit takes any unknown word for that.
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
                if job_id in self._info_dict or self._unseen[job_id] >= _NEVER_SEEN:
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
        return (
            subprocess.run(command, capture_output=True, timeout=_ASK_TIMEOUT_S, check=False).returncode == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
