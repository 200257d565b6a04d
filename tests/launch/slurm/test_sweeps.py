"""Sweeps on a real Slurm without an accounting database: filled, disturbed, continued."""

import os
import signal
import subprocess
import time

import pytest

from tests.command_line import contexttune
from tests.launch.slurm.cluster import OFTEN, SLURM, attempts, cells, outcomes, sweeping, until
from tests.models.fault_server import ok, serving

pytestmark = [pytest.mark.slurm, pytest.mark.slow]

# two jobs; each is an interpreter of its own
DEMO = (
    *("slice=demo", "model=scripted", "runner=single_shot", "harness=local"),
    "condition=no_context",
    "seed=0,1",
)
ALL = {("no_context", 0), ("no_context", 1)}
# six instances of which each takes the model a while, one after the other
SLOW = ("slice=demo", "harness=none", "condition=no_context", "model.name=m", "workers=1", "seed=0")


def slowly(handler):
    time.sleep(2)
    ok("no change")(handler)


@pytest.fixture
def slow_model():
    with serving(slowly) as server:
        yield server


def endpoint(server):
    return {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "any"}


def test_a_cancelled_job_costs_its_own_cell_and_the_same_command_fills_it(tmp_path):
    with sweeping(tmp_path, *DEMO) as sweep:
        subprocess.run(["scancel", sweep.job_id(1)], check=True)
        until(lambda: "exit_code" in sweep.note(0), "the other has ended")
        since = time.monotonic()
        said = sweep.ended(patience_s=90)
        assert time.monotonic() - since < 90
    assert sweep.process.returncode == 4, said
    assert "seed=1: it was interrupted" in said
    assert cells(tmp_path) == {("no_context", 0): "finished", ("no_context", 1): "failed"}
    before = attempts(tmp_path)

    again = contexttune("-m", *SLURM, *DEMO, cwd=tmp_path, **OFTEN)
    assert again.returncode == 0, again.stdout + again.stderr
    assert cells(tmp_path) == dict.fromkeys(ALL, "finished")
    after = attempts(tmp_path)
    assert {path for path, when in after.items() if before.get(path) != when} <= {
        path for path in after if "/no_context-s1-" in path
    }
    filled, undisturbed = outcomes(tmp_path).values()
    assert filled == undisturbed
    assert len(filled) == 6


def test_jobs_outlive_a_killed_launching_process_and_are_reported_by_hand(tmp_path):
    with sweeping(tmp_path, *DEMO, "group_id=g") as sweep:
        sweep.note(0)
        os.killpg(sweep.process.pid, signal.SIGKILL)
        sweep.process.communicate()
        early = contexttune("task=report", "group_id=g", cwd=tmp_path)
        assert early.returncode == 4
        assert len(cells(tmp_path)) == 2
        assert "missing" in cells(tmp_path).values() or "running" in cells(tmp_path).values()
        sweep.drained()
    late = contexttune("task=report", "group_id=g", cwd=tmp_path)
    assert late.returncode == 0, late.stdout + late.stderr
    assert set(cells(tmp_path).values()) == {"finished"}
    assert {len(found) for found in outcomes(tmp_path).values()} == {6}


def test_a_killed_job_is_told_from_one_that_works(tmp_path, slow_model):
    with sweeping(tmp_path, *SLOW, **endpoint(slow_model)) as sweep:
        job, pid = sweep.job_id(0), sweep.note(0)["process"]["pid"]
        until(lambda: len(slow_model.requests) > 1, "it is at work")
        group = f"group_id={next(tmp_path.glob('results/*')).name}"
        contexttune("task=report", group, cwd=tmp_path)
        assert cells(tmp_path) == {("no_context", 0): "running"}
        other = contexttune(*SLOW, cwd=tmp_path, **endpoint(slow_model))
        assert other.returncode == 3
        assert f"Slurm job {job}" in other.stdout + other.stderr
        os.kill(pid, signal.SIGKILL)
        said = sweep.ended()
        assert sweep.process.returncode == 4
        assert "it was killed: process" in said
        assert cells(tmp_path) == {("no_context", 0): "failed"}


def test_a_preempted_job_is_requeued_and_goes_on_where_it_was(tmp_path, slow_model):
    with sweeping(tmp_path, *SLOW, **endpoint(slow_model)) as sweep:
        until(lambda: len(slow_model.requests) > 2, "some instances are done")
        job = sweep.job_id(0)
        for name in ("TERM", "USR2"):
            subprocess.run(["scancel", f"--signal={name}", job], check=True)
        until(lambda: sweep.queued() == ["PENDING"], "it is queued again")
        done = attempts(tmp_path)
        assert done
        time.sleep(
            10
        )  # the node has a killed job's credential revoked for that second, and the end to report
        subprocess.run(
            ["scontrol", "update", f"JobId={job}", "StartTime=now"], check=True
        )  # not in two minutes
        said = sweep.ended()
    assert sweep.process.returncode == 0, said
    assert cells(tmp_path) == {("no_context", 0): "finished"}, "harness=none grades nothing"
    after = attempts(tmp_path)
    assert len(after) == 6
    assert {path: after[path] for path in done} == done, "a finished instance was repeated"
    assert len(slow_model.requests) <= 6 + 1, "at most the call that was under way is repeated"


def test_a_job_that_may_not_be_requeued_ends_at_its_time_limit_with_results_missing(tmp_path, slow_model):
    limits = ("hydra.launcher.timeout_min=5", "hydra.launcher.max_num_timeout=0")
    with sweeping(tmp_path, *SLOW, *limits, **endpoint(slow_model)) as sweep:
        until(lambda: len(slow_model.requests) > 1, "it is at work")
        subprocess.run(["scancel", "--signal=USR2", sweep.job_id(0)], check=True)
        said = sweep.ended()
    assert sweep.process.returncode == 4, said
    assert "it was interrupted" in said
    done = attempts(tmp_path)
    with serving(ok("no change")) as server:
        again = contexttune(*SLOW, cwd=tmp_path, **endpoint(server))
    assert again.returncode == 0
    after = attempts(tmp_path)
    assert (len(after), {path: after[path] for path in done}) == (6, done)


def test_an_interrupt_of_the_launching_process_says_how_to_end_its_jobs(tmp_path, slow_model):
    with sweeping(tmp_path, *SLOW, **endpoint(slow_model)) as sweep:
        job = sweep.job_id(0)
        os.kill(sweep.process.pid, signal.SIGINT)
        said = sweep.ended()
        assert sweep.process.returncode == 130, said
        assert f"scancel {job}" in said
        assert sweep.queued() == ["RUNNING"]


def test_a_sweep_that_waits_in_the_queue_says_so(tmp_path):
    later = "+hydra.launcher.additional_parameters.begin='now+1hour'"
    with sweeping(tmp_path, *SLOW, "runner=gold", later) as sweep:
        line = next(text for text in iter(sweep.process.stdout.readline, "") if "squeue -j" in text)
        assert "squeue -j" in line
        assert sweep.queued() == ["PENDING"]


def test_what_slurm_refuses_is_a_sentence(tmp_path):
    done = contexttune("-m", *SLURM, "experiment=demo", "hydra.launcher.partition=nope", cwd=tmp_path)
    assert done.returncode == 2
    assert "Slurm refuses the jobs" in done.stderr
    assert "partition" in done.stderr
    assert "Traceback" not in done.stderr
