"""Sweeps on one machine: checked before they begin, bounded, collision-free, put together from shards."""

import csv
import itertools
import json
import os
import signal
import time
from pathlib import Path

import pytest

from tests.command_line import contexttune, start

GOLD = ("slice=demo", "runner=gold", "harness=none")
ARMS = "condition=no_context,baseline_context"


def summary(root: Path) -> dict:
    (path,) = root.glob("results/*/summary.json")
    return json.loads(path.read_text())


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["seed=0,-1"], "seed=-1: seed must be at least 0"),
        (["seed=0,abc"], "could not be converted to Integer"),
        (["workers=1,2"], "these jobs would be the same run"),
        (["condition=no_context,nope"], "Could not find 'condition/nope'"),
        (["slice.shard_count=2", "slice.shard_index=0,2"], "slice.shard_index must be from 0"),
    ],
)
def test_a_sweep_with_one_bad_job_begins_none(tmp_path, arguments, words):
    done = contexttune("-m", *GOLD, *arguments, "hydra/launcher=submitit_local", cwd=tmp_path)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert [path for path in files(tmp_path) if path.name != "multirun.yaml"] == []


def test_local_jobs_run_a_few_at_once_and_their_exit_codes_are_heard(tmp_path):
    done = contexttune(
        "-m",
        *GOLD,
        "condition=no_context",
        "seed=0,1",
        "hydra/launcher=local",
        "jobs_at_once=1",
        "harness.name=none",
        cwd=tmp_path,
        SLURM_JOB_ID="1",  # as inside an allocation, whose queue is not theirs
    )
    assert done.returncode == 0, done.stdout + done.stderr
    notes = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/*/*/*/job.json")]
    assert [note["exit_code"] for note in notes] == [0] * 2
    times = sorted((note["started_s"], note["ended_s"]) for note in notes)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(times)), times
    assert "job 1 ended" in done.stdout
    assert summary(tmp_path)["conditions"]["no_context"]["runs"] == 2


def test_a_job_of_a_local_sweep_that_fails_or_is_killed_is_named(tmp_path):
    launched = ("hydra/launcher=submitit_local", "jobs_at_once=1")
    sweep = start("-m", "slice=demo", "runner=gold", "harness=local", ARMS, *launched, cwd=tmp_path)
    notes = []
    while not notes:
        time.sleep(0.1)
        notes = [json.loads(path.read_text()) for path in tmp_path.glob("multirun/*/*/*/job.json")]
        assert sweep.poll() is None
    os.kill(notes[0]["process"]["pid"], signal.SIGKILL)
    said, _ = sweep.communicate(timeout=300)
    assert sweep.returncode == 4, said
    assert "it was killed: process" in said
    states = [cell["state"] for cell in summary(tmp_path)["cells"]]
    assert sorted(states) == ["failed", "finished"]


def test_sweeps_started_in_the_same_second_have_directories_of_their_own(tmp_path):
    one = ("condition=no_context", "slice.limit=1", "dry_run=true")
    sweeps = [start("-m", *GOLD, *one, f"seed={n}", cwd=tmp_path) for n in range(3)]
    for sweep in sweeps:
        said, _ = sweep.communicate(timeout=300)
        assert sweep.returncode == 0, said
    saved = [path.read_text() for path in tmp_path.glob("multirun/*/*/*/.hydra/overrides.yaml")]
    assert len(saved) == 3
    assert len(set(saved)) == 3


def test_shards_are_one_run(demo_run, tmp_path):
    (whole, _), parts = demo_run, tmp_path / "parts"
    parts.mkdir()
    shards = ("slice.shard_count=2", "slice.shard_index=0,1")
    first = contexttune("-m", "experiment=demo", shards[0], "slice.shard_index=0", cwd=parts)
    assert first.returncode == 0, first.stdout + first.stderr
    done = contexttune("-m", "experiment=demo", *shards, cwd=parts)
    assert done.returncode == 0, done.stdout + done.stderr
    found, expected = summary(parts), summary(whole)
    assert len(found["cells"]) == 4
    assert [run["run_id"] for run in found["runs"]] == [run["run_id"] for run in expected["runs"]]
    for arm in ("no_context", "baseline_context"):
        for key in ("resolved", "total", "planned", "runs", "outcomes", "prompt_tokens"):
            assert found["conditions"][arm][key] == expected["conditions"][arm][key]
    for run in expected["runs"]:
        name = f"artifacts/preds/demo-local/{run['run_id']}/preds.jsonl"
        assert (parts / name).read_bytes() == (whole / name).read_bytes()
    with (parts / "results/demo-local/instances.csv").open(newline="") as source:
        assert len(list(csv.DictReader(source))) == 12


def test_a_cell_that_no_job_has_begun_is_missing_in_the_report(tmp_path):
    sweep = start("-m", "experiment=demo", "seed=0,1", cwd=tmp_path)
    while not list(tmp_path.glob("results/*/runs/*/run.json")):
        time.sleep(0.05)
        assert sweep.poll() is None
    os.killpg(sweep.pid, signal.SIGKILL)
    sweep.communicate()
    done = contexttune("task=report", "group_id=demo-local", cwd=tmp_path)
    assert done.returncode == 4
    states = [cell["state"] for cell in summary(tmp_path)["cells"]]
    assert len(states) == 4
    assert states.count("missing") >= 2
    assert "failed" in states
    assert any(f"{n} missing" in done.stdout for n in (2, 3)), done.stdout


def test_a_group_is_inferred_first_and_graded_later_by_one_command(tmp_path):
    inferred = contexttune("-m", "experiment=demo", "stages=[signals,context,inference]", cwd=tmp_path)
    assert inferred.returncode == 0, inferred.stdout + inferred.stderr
    attempts = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("attempt.json")}
    assert len(attempts) == 12
    waiting = contexttune("task=report", "group_id=demo-local", cwd=tmp_path)
    assert waiting.returncode == 4
    assert {cell["reason"] for cell in summary(tmp_path)["cells"]} == {"6 of 6 results are missing"}
    graded = contexttune("-m", "experiment=demo", "stages=[evaluate,summarize]", cwd=tmp_path)
    assert graded.returncode == 0, graded.stdout + graded.stderr
    assert summary(tmp_path)["conditions"]["baseline_context"]["resolved"] == 5
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("attempt.json")} == attempts


def test_a_refused_sweep_leaves_a_finished_group_as_it_was(tmp_path):
    both = ("-m", *GOLD, ARMS, "group_id=g")
    assert contexttune(*both, "slice.limit=2", cwd=tmp_path).returncode == 0
    before = files(tmp_path / "results")
    for typo, words in (
        (["slice.limit=3"], "group_id=g has runs with another slice.limit"),
        (["slice.limit=2", "slice.instance_ids=[no__such-1]"], "no__such-1 not in"),
        (["slice.limit=2", "runner=single_shot"], "model.name is not set"),
    ):
        refused = contexttune(*both, *typo, cwd=tmp_path)
        assert refused.returncode == 2, refused.stdout + refused.stderr
        assert words in refused.stderr
    assert files(tmp_path / "results") == before


def test_a_cell_that_a_job_was_refused_for_is_no_gap_of_its_group(tmp_path):
    """As sweeps of an earlier version have left behind, and those that find out only in their job."""
    both = ("-m", *GOLD, ARMS, "slice.limit=2", "group_id=g")
    assert contexttune(*both, cwd=tmp_path).returncode == 0
    home = tmp_path / "results/g/runs"
    planned = json.loads(next(home.glob("no_context-*/cell.json")).read_text())
    job = tmp_path / "multirun/job"
    note = json.loads((Path(planned["job_dir"]) / "job.json").read_text())
    for directory, content in (
        (home / "no_context-s0-0000aaaa/cell.json", planned | {"job_dir": str(job)}),
        (
            job / "job.json",
            note | {"exit_code": 2, "error": "group_id=g has runs with another slice.limit"},
        ),
    ):
        directory.parent.mkdir(parents=True)
        directory.write_text(json.dumps(content))
    contexttune("task=report", "group_id=g", cwd=tmp_path)
    assert len(summary(tmp_path)["cells"]) == 2
