"""What Slurm says of the job that this process is in. Needs no accounting database."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from typing import Any

_TIMEOUT_S = 30
_FROM_ENVIRONMENT = {
    "job_id": "SLURM_JOB_ID",
    "array_job_id": "SLURM_ARRAY_JOB_ID",
    "array_task_id": "SLURM_ARRAY_TASK_ID",
    "partition": "SLURM_JOB_PARTITION",
    "nodes": "SLURM_JOB_NODELIST",
    "restarts": "SLURM_RESTART_COUNT",
}
_FROM_CONTROLLER = {
    "job_id": "JobId",
    "array_job_id": "ArrayJobId",
    "array_task_id": "ArrayTaskId",
    "partition": "Partition",
    "nodes": "NodeList",
    "restarts": "Restarts",
}
_TIMES = {"submitted": "SubmitTime", "eligible": "EligibleTime", "started": "StartTime"}


def job_name() -> str | None:
    """What Slurm's commands call the job of this process, by its environment; None outside Slurm.

    `<array>_<task>` for a task of an array: the plain id of the last one is the array's own.
    """
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def job_state() -> str | None:
    """The controller's word for it, such as RUNNING; None outside Slurm, and where the controller does not answer."""
    return _this_job().get("JobState") if "SLURM_JOB_ID" in os.environ else None


def slurm_facts() -> dict[str, Any] | None:
    """Ids, place, times and queue seconds of this job; None outside Slurm.

    Ask when the job starts: the controller forgets a job minutes after its end. A requeue sets `submitted` anew,
    so `queue_s` is the wait of this start only. Where the controller does not answer there are no times.
    """
    if "SLURM_JOB_ID" not in os.environ:
        return None
    facts: dict[str, Any] = {key: os.environ.get(name) for key, name in _FROM_ENVIRONMENT.items()}
    if shown := _this_job():
        facts |= {key: shown.get(name) for key, name in _FROM_CONTROLLER.items()}
    facts["restarts"] = int(facts["restarts"] or 0)
    times = {key: _time(shown.get(name)) for key, name in _TIMES.items()}
    facts |= {key: time.isoformat() if time else None for key, time in times.items()}
    begun, started = times["submitted"], times["started"]
    return facts | {"queue_s": (started - begun).total_seconds() if begun and started else None}


def _this_job() -> dict[str, str]:
    """The controller's fields of this very job; {} where it does not answer.

    An array's last task bears the id of the array, which would list every task: a task is asked for by its number.
    A job submitted from inside a task may have inherited that task's number, which its own id gives away.
    """
    own = os.environ["SLURM_JOB_ID"]
    asked = (_shown(name) for name in dict.fromkeys((job_name() or own, own)))
    return next((shown for shown in asked if shown.get("JobId") == own), {})


def _shown(job: str) -> dict[str, str]:
    """The fields of `scontrol show job`; {} where it does not answer with exactly one job."""
    try:
        done = subprocess.run(
            ["scontrol", "show", "job", "-o", job],
            env={**os.environ, "SLURM_TIME_FORMAT": "standard"},
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return {}
    lines = done.stdout.strip().splitlines()
    if done.returncode != 0 or len(lines) != 1:
        return {}
    return _fields(lines[0])


def _fields(line: str) -> dict[str, str]:
    """Name=value pairs. The job's name may be any words, so what stands on both sides of it is read."""
    before, _, after = line.partition(" JobName=")
    pairs = re.findall(r"(\w+)=(\S*)", f"{before} UserId={after.rpartition(' UserId=')[2]}")
    return dict(reversed(pairs))  # of two the first: comments and commands come last


def _time(text: str | None) -> datetime | None:
    """A local time of scontrol's, in UTC; None for `Unknown`, `None` and whatever else is no time."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None
