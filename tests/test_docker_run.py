"""Whole runs through the unchanged SWE-bench harness in a real Docker engine, with images built offline."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.command_line import contexttune
from tests.test_demo_run import rows_as_written

pytestmark = [pytest.mark.docker, pytest.mark.usefixtures("demo_images")]


def summary(root: Path) -> dict:
    (path,) = root.glob("results/*/summary.json")
    return json.loads(path.read_text())


@pytest.mark.parametrize(("runner", "outcome"), [("gold", "resolved"), ("empty", "empty_patch")])
def test_gold_resolves_every_demo_task_and_the_empty_patch_none(tmp_path, runner, outcome):
    done = contexttune(f"runner={runner}", "condition=no_context", "slice=demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    made = summary(tmp_path)
    assert made["official"] is True
    assert made["harness"] == "swebench_docker"
    assert made["conditions"]["no_context"]["outcomes"][outcome] == 6


def test_the_demo_in_docker_ends_as_it_does_locally_and_resumes(tmp_path):
    command = ("-m", "experiment=demo", "harness=swebench_docker")
    done = contexttune(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    rows_as_written(tmp_path / "results/demo-swebench_docker")
    harness_runs = sorted(tmp_path.glob("results/*/runs/*/harness/ct-*"))
    assert len(harness_runs) == 2
    again = contexttune(*command, cwd=tmp_path)
    assert again.returncode == 0
    assert sorted(tmp_path.glob("results/*/runs/*/harness/ct-*")) == harness_runs
    verified = contexttune("task=verify", "group_id=demo-swebench_docker", cwd=tmp_path)
    assert verified.returncode == 0, verified.stdout
    assert "11 verdicts match the harness's files; 1 patches are empty" in verified.stdout
    for path in tmp_path.glob("results/*/runs/*/harness"):
        shutil.rmtree(path)
    gone = contexttune("task=verify", "group_id=demo-swebench_docker", cwd=tmp_path)
    assert gone.returncode == 0, gone.stdout
    assert "11 verdicts cannot be checked" in gone.stdout


def test_images_are_recorded_by_digest_and_another_one_is_told_before_it_is_used(tmp_path):
    keys = ("runner=gold", "condition=no_context", "slice=demo", "slice.limit=1", "group_id=g")
    assert contexttune(*keys, cwd=tmp_path).returncode == 0
    (path,) = tmp_path.glob("results/g/runs/*/run.json")
    record = json.loads(path.read_bytes())
    ((image, digest),) = record["images"]["harness"].items()
    inspect = ["docker", "image", "inspect", "--format", "{{.Id}} {{.RepoDigests}}", image]
    assert digest in subprocess.run(inspect, capture_output=True, text=True, check=True).stdout
    same = contexttune(f"reproduce={path.parent}", "dry_run=true", cwd=tmp_path)
    assert "images.harness" not in same.stdout
    record["images"]["harness"] |= {image: "sha256:another", "no/such:image": "sha256:unknown here"}
    path.write_text(json.dumps(record))
    other = contexttune(f"reproduce={path.parent}", "dry_run=true", cwd=tmp_path)
    drifted = [line for line in other.stdout.splitlines() if "reproduced run: " in line]
    # dry_run was typed; an image that this engine does not hold cannot be compared
    assert drifted[0].endswith("dry_run: False -> True")
    assert drifted[1:] == [
        f"differs from the reproduced run: images.harness.{image}: sha256:another -> {digest}"
    ]


def test_a_dead_engine_is_found_before_anything_is_paid_for(tmp_path):
    done = contexttune(
        "runner=gold", "condition=no_context", "slice=demo", cwd=tmp_path, DOCKER_HOST="unix:///nowhere.sock"
    )
    assert done.returncode == 3
    assert "dockerd" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_missing_image_is_missing_data_and_no_failure(tmp_path):
    rows = tmp_path / "rows.jsonl"
    from swebench.task.repo import load_task_repo

    tasks = load_task_repo(str(Path(__file__).parent.parent / "contexttune" / "demo"))
    row = dict(tasks[0]) | {"image": "contexttune.invalid/no/such:image"}
    rows.write_text(json.dumps(row) + "\n")
    keys = (
        "runner=gold",
        "condition=no_context",
        "slice=custom",
        f"slice.dataset={rows}",
        "harness.attempts=1",
    )
    done = contexttune(*keys, cwd=tmp_path)
    assert done.returncode == 4, done.stdout + done.stderr
    arm = summary(tmp_path)["conditions"]["no_context"]
    assert (arm["outcomes"]["infra_error"], arm["total"], arm["rate"]) == (1, 0, None)
