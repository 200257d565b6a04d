"""Facts about the Slurm job of this process. Needs no accounting database."""

from __future__ import annotations

import os
import re
import subprocess
from datetime import UTC, datetime
from typing import Any

_TIMEOUT_S = 30
_FACTS = {  # ours -> (environment variable, field of scontrol)
    "job_id": ("SLURM_JOB_ID", "JobId"),
    "array_job_id": ("SLURM_ARRAY_JOB_ID", "ArrayJobId"),
    "array_task_id": ("SLURM_ARRAY_TASK_ID", "ArrayTaskId"),
    "partition": ("SLURM_JOB_PARTITION", "Partition"),
    "nodes": ("SLURM_JOB_NODELIST", "NodeList"),
    "restarts": ("SLURM_RESTART_COUNT", "Restarts"),
}
_TIMES = {"submitted": "SubmitTime", "eligible": "EligibleTime", "started": "StartTime"}


def job_name() -> str | None:
    """The id that Slurm's commands accept for this process's job; None outside Slurm.

    `<array>_<task>` for a task of an array, because the plain id of the last task is the array's own.
    """
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID")


def job_state() -> str | None:
    """The job's state, such as RUNNING; None outside Slurm or if the controller does not answer."""
    return _this_job().get("JobState") if "SLURM_JOB_ID" in os.environ else None


def slurm_facts() -> dict[str, Any] | None:
    """Ids, partition, nodes, times and queue seconds of this job; None outside Slurm.

    Call it when the job starts: the controller forgets jobs minutes after their end. A requeue resets `submitted`,
    so `queue_s` covers this start only. Times are None if the controller does not answer.
    """
    if "SLURM_JOB_ID" not in os.environ:
        return None
    fields = _this_job()
    facts: dict[str, Any] = {
        key: fields.get(field) if fields else os.environ.get(variable)
        for key, (variable, field) in _FACTS.items()
    }
    facts["restarts"] = int(facts["restarts"] or 0)
    times = {key: _time(fields.get(name)) for key, name in _TIMES.items()}
    facts |= {key: time.isoformat() if time else None for key, time in times.items()}
    begun, started = times["submitted"], times["started"]
    return facts | {"queue_s": (started - begun).total_seconds() if begun and started else None}


def _this_job() -> dict[str, str]:
    """The controller's fields of this job; {} if it does not answer.

    Asks by array and task first, because the id of an array's last task lists every task. A job submitted from inside
    a task inherits that task's variables, so the answer's JobId is compared.
    """
    own = os.environ["SLURM_JOB_ID"]
    answers = (_scontrol(name) for name in dict.fromkeys((job_name() or own, own)))
    return next((fields for fields in answers if fields.get("JobId") == own), {})


def _scontrol(job: str) -> dict[str, str]:
    """The fields of `scontrol show job`; {} unless it answers with exactly one job."""
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
    """Name=value pairs. Skips the job's name, which may contain anything."""
    before, _, after = line.partition(" JobName=")
    pairs = re.findall(r"(\w+)=(\S*)", f"{before} UserId={after.rpartition(' UserId=')[2]}")
    return dict(reversed(pairs))  # the first of duplicates wins: comments and commands come last


def _time(text: str | None) -> datetime | None:
    """scontrol's local time in UTC; None for `Unknown` and anything else that is not a time."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except ValueError:
        return None
