"""run.json: what a run was made of and who worked on it, also when it was interrupted or killed."""

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from contexttune.system.files import fingerprint
from tests.command_line import contexttune, start
from tests.models.fault_server import ok, serving, stall

KEYS = ("slice=demo", "harness=none", "condition=no_context", "group_id=g", "workers=1")
MODEL = ("model.name=m", "model.api_key_env=null")


def record(root: Path) -> dict:
    (path,) = root.glob("results/g/runs/*/run.json")
    return json.loads(path.read_bytes())


def test_a_run_says_what_it_was_made_of(tmp_path):
    done = contexttune(*KEYS, "runner=gold", "seed=2", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    run = record(tmp_path)
    made_of = run["manifest"]
    assert made_of["overrides"] == [*KEYS, "runner=gold", "seed=2"]
    assert made_of["config"]["seed"] == 2
    assert made_of["config_digest"] == fingerprint(made_of["config"], 16)
    assert made_of["harness"] == {"name": "none", "swebench": "5.0.2"}
    assert made_of["host"] == socket.gethostname()
    assert {"hydra-core", "swebench", "openai"} <= made_of["packages"].keys()
    assert made_of["changed_since_submission"] is (False if "commit" in made_of["contexttune"] else None)
    assert (made_of["endpoint"], made_of["config_sources"], run["reproduction"]) == (None, [], None)
    (session,) = run["sessions"]
    assert session["wall_s"] >= 0
    assert (session["commit"], session["host"]) == (made_of["contexttune"].get("commit"), made_of["host"])


def test_a_job_keeps_a_record_of_its_own_when_another_continues_the_run(tmp_path):
    for stage in ("signals,context,inference", "summarize"):
        assert contexttune(*KEYS, "runner=gold", f"stages=[{stage}]", cwd=tmp_path).returncode == 0
    jobs = [json.loads(path.read_bytes()) for path in sorted(tmp_path.glob("multirun/g/*/0/run.json"))]
    assert [job["manifest"]["config"]["stages"] for job in jobs] == [
        ["signals", "context", "inference"],
        ["summarize"],
    ]
    assert [len(job["sessions"]) for job in jobs] == [1, 2]
    assert record(tmp_path) == jobs[1]


@pytest.mark.parametrize(("how", "status"), [(signal.SIGINT, "interrupted"), (signal.SIGKILL, "running")])
def test_who_worked_on_a_run_is_known_however_it_ended(tmp_path, how, status):
    with serving(ok("no"), stall(60)) as server:
        child = start(*KEYS, *MODEL, cwd=tmp_path, OPENAI_BASE_URL=server.url)
        while len(server.requests) < 2 and child.poll() is None:
            time.sleep(0.05)
        child.send_signal(how)
        child.communicate(timeout=60)
    run = record(tmp_path)
    assert run["status"] == status
    (session,) = run["sessions"]
    assert (session["wall_s"] is None) is (how is signal.SIGKILL)
    assert run["served_models"] == (["served-1"] if how is signal.SIGINT else [])
    assert run["manifest"]["endpoint"] == server.url


@pytest.mark.slurm
@pytest.mark.slow
def test_jobs_on_slurm_say_which_they_were_how_long_they_waited_and_what_was_submitted(tmp_path):
    sweep = ("-m", "hydra/launcher=slurm", "hydra.launcher.cpus_per_task=1", "hydra.launcher.timeout_min=10")
    done = contexttune(*sweep, *KEYS, "runner=gold", "seed=0,1", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    paths = sorted(tmp_path.glob("results/g/runs/*/run.json"))
    found = [json.loads(path.read_bytes())["manifest"] for path in paths]
    assert [made_of["slurm"]["array_task_id"] for made_of in found] == ["0", "1"]
    assert found[1]["slurm"]["job_id"] == found[1]["slurm"]["array_job_id"]
    for made_of in found:
        assert made_of["slurm"]["queue_s"] >= 0
        assert made_of["slurm"]["partition"]
        assert made_of["submitted"]["host"] == socket.gethostname()
        assert made_of["changed_since_submission"] is (False if "commit" in made_of["contexttune"] else None)
    again = contexttune(*sweep, f"reproduce={paths[1].parent}", cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    (path,) = tmp_path.glob("results/g-reproduced/runs/*/run.json")
    copied = json.loads(path.read_bytes())
    assert (copied["seed"], copied["reproduction"]["drift"]) == (1, [])
    assert copied["manifest"]["slurm"]["job_id"] not in {made_of["slurm"]["job_id"] for made_of in found}
    assert copied["sessions"][0]["slurm_job_id"] == copied["manifest"]["slurm"]["job_id"]
