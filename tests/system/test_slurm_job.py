"""What a job learns of itself: asked of a real Slurm, and where there is none."""

import json
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import pytest

from contexttune.system.slurm_job import slurm_facts

JOB = f"""#!/bin/bash
#SBATCH --cpus-per-task=1 --time=5 --output=/dev/null
sleep 2
{sys.executable} -c 'import json; from contexttune.system.slurm_job import slurm_facts; print(json.dumps(slurm_facts()))' > $OUT.tmp
mv $OUT.tmp $OUT
"""
WITHIN_S = 300


def submitted(tmp_path: Path, out: str, n_jobs: int, *flags: str, **env: str) -> list[dict]:
    """The facts of each task of a job that is named so that a careless reader is misled."""
    script = tmp_path / "job.sh"
    variables = "".join(f"export {name}={value}\n" for name, value in env.items())
    script.write_text(JOB.replace("sleep 2\n", f"sleep 2\n{variables}").replace("$OUT", out))
    name = "--job-name=x StartTime=1999-01-01T00:00:00 JobId=7"
    subprocess.run(
        ["sbatch", "--parsable", name, *flags, str(script)], cwd=tmp_path, check=True, capture_output=True
    )
    ends = time.monotonic() + WITHIN_S
    while len(list(tmp_path.glob("*.json"))) < n_jobs and time.monotonic() < ends:
        time.sleep(0.5)
    return [json.loads(path.read_bytes()) for path in sorted(tmp_path.glob("*.json"))]


@pytest.mark.slurm
@pytest.mark.slow
def test_each_task_of_an_array_learns_its_own_facts_the_last_one_too(tmp_path):
    facts = submitted(tmp_path, "$SLURM_ARRAY_TASK_ID.json", 3, "--array=0-2%1")
    assert [task["array_task_id"] for task in facts] == ["0", "1", "2"]
    assert len({task["array_job_id"] for task in facts}) == 1
    assert len({task["job_id"] for task in facts}) == 3
    assert facts[2]["job_id"] == facts[2]["array_job_id"]  # the trap: this id lists the whole array
    times = [{key: datetime.fromisoformat(task[key]) for key in ("submitted", "started")} for task in facts]
    assert times[0]["started"] < times[1]["started"] < times[2]["started"]  # one at a time
    assert len({task["submitted"] for task in facts}) == 1
    for task, own in zip(facts, times, strict=True):
        assert task["queue_s"] == (own["started"] - own["submitted"]).total_seconds()
        assert (task["restarts"], bool(task["partition"]), bool(task["nodes"])) == (0, True, True)
    assert facts[2]["queue_s"] > facts[0]["queue_s"] >= 0


@pytest.mark.slurm
@pytest.mark.slow
def test_a_plain_job_is_not_misled_by_an_array_that_it_was_submitted_from(tmp_path):
    inherited = {"SLURM_ARRAY_JOB_ID": "1", "SLURM_ARRAY_TASK_ID": "0"}
    (facts,) = submitted(tmp_path, "plain.json", 1, **inherited)
    assert (facts["array_job_id"], facts["array_task_id"]) == (None, None)
    assert facts["queue_s"] >= 0
    assert datetime.fromisoformat(facts["started"]).year > 1999


def test_outside_slurm_there_are_no_facts(monkeypatch):
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert slurm_facts() is None


@pytest.mark.parametrize(
    "scontrol", [None, "exit 1", "echo 'JobId=1 SubmitTime=x'; echo JobId=2", "echo nonsense"]
)
def test_without_an_answer_there_are_ids_and_no_times(monkeypatch, tmp_path, scontrol):
    monkeypatch.setenv("PATH", str(tmp_path))
    if scontrol:
        (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{scontrol}\n")
        (tmp_path / "scontrol").chmod(0o755)
    for key, value in {
        "JOB_ID": "7",
        "ARRAY_JOB_ID": "5",
        "ARRAY_TASK_ID": "2",
        "JOB_NODELIST": "n1",
    }.items():
        monkeypatch.setenv(f"SLURM_{key}", value)
    monkeypatch.delenv("SLURM_JOB_PARTITION", raising=False)
    assert slurm_facts() == {
        "job_id": "7",
        "array_job_id": "5",
        "array_task_id": "2",
        "partition": None,
        "nodes": "n1",
        "restarts": 0,
        "submitted": None,
        "eligible": None,
        "started": None,
        "queue_s": None,
    }


def test_times_that_are_not_known_yet_are_null(monkeypatch, tmp_path):
    (tmp_path / "scontrol").write_text(
        "#!/bin/sh\necho 'JobId=7 JobName=x UserId=u(1) Restarts=2 SubmitTime=2026-01-01T00:00:00 StartTime=Unknown Partition=p NodeList=n2'\n"
    )
    (tmp_path / "scontrol").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    facts = slurm_facts()
    assert facts is not None
    assert (facts["restarts"], facts["started"], facts["queue_s"]) == (2, None, None)
    assert (facts["partition"], facts["nodes"]) == ("p", "n2")
    assert datetime.fromisoformat(facts["submitted"]).utcoffset() is not None
