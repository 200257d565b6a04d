"""A run that serves its model itself, through the command line, in every ending."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.command_line import contexttune, start
from tests.models.families import STAND_IN, comes_true, gone, pids


def arguments(*options: str, limit: int = 1, **keys: str) -> list[str]:
    """A small run on the stand-in server with these options; it names the model and lists it."""
    command = ",".join(f'"{part}"' for part in [*STAND_IN, "--name", "{name}"])
    chosen = {"slice": "demo", "slice.limit": limit, "harness": "none", "condition": "no_context"}
    chosen |= {"model/server": "vllm", "model.name": "mine", "model.server.command": f"[{command}]"}
    chosen |= {"model.server.options": f"[{','.join(options or ('--load_s', '0'))}]"}
    return [f"{key}={value}" for key, value in (chosen | keys).items()]


def attempts(root: Path) -> list[dict]:
    return [json.loads(p.read_text()) for p in root.glob("artifacts/preds/*/*/*/attempt.json")]


def the_record(root: Path) -> dict:
    (path,) = root.glob("results/*/runs/*/run.json")
    return json.loads(path.read_text())


def log_of(root: Path) -> str:
    (path,) = root.glob("results/*/runs/*/server.log")
    return path.read_text()


def test_a_run_serves_its_model_and_a_finished_one_does_not_load_it_again(tmp_path):
    said = arguments("--load_s", "3", "--family", "family", limit=2)
    done = contexttune(*said, cwd=tmp_path, OPENAI_BASE_URL="http://127.0.0.1:1/v1")  # of no account here
    assert done.returncode == 0, done.stdout + done.stderr
    assert gone(pids(tmp_path / "family"), 0)
    assert the_record(tmp_path)["manifest"]["endpoint"] is None
    assert [(a["n_calls"], a["completion_tokens"]) for a in attempts(tmp_path)] == [(1, 7)] * 2
    served = the_record(tmp_path)["served"]
    assert served.pop("loading_s") >= 3
    assert served == {"models": ["mine"], "version": "0.0.stand-in"}

    again = contexttune(*said, cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    assert log_of(tmp_path).count("loading mine") == 1
    assert the_record(tmp_path)["served"]["models"] == ["mine"]


def test_a_model_that_writes_a_document_first_is_loaded_once_for_that_and_the_attempts(tmp_path):
    done = contexttune(*arguments(condition="llm_context"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(a["n_calls"], a["completion_tokens"]) for a in attempts(tmp_path)] == [(1, 7)]
    assert log_of(tmp_path).count("loading mine") == 1
    assert log_of(tmp_path).count("POST") == 2
    assert the_record(tmp_path)["served"]["models"] == ["mine"]
    again = contexttune(*arguments(condition="llm_context", seed="1"), cwd=tmp_path)
    assert again.returncode == 0, again.stdout + again.stderr
    logs = [path.read_text() for path in tmp_path.glob("results/*/runs/*/server.log")]
    assert sorted(log.count("POST") for log in logs) == [1, 2]


@pytest.mark.parametrize("rest", [{"dry_run": "true"}, {"stages": "[signals,context]"}])
def test_nothing_is_started_for_what_calls_no_model(tmp_path, rest):
    done = contexttune(*arguments(**rest), cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not list(tmp_path.rglob("server.log"))


def test_a_server_that_cannot_load_ends_the_job_before_the_first_call(tmp_path):
    done = contexttune(*arguments("--load_s", "0", "--crash", "'no kernel image'"), cwd=tmp_path)
    assert done.returncode == 3
    assert "exited with status 1 while it loaded" in done.stdout
    assert "no kernel image" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert attempts(tmp_path) == []


def test_a_server_that_dies_in_the_middle_is_an_outage_and_the_same_command_goes_on(tmp_path):
    said = arguments("--load_s", "0", "--dies_at", "2", limit=2, workers="1", **{"model.attempts": "1"})
    first = contexttune(*said, cwd=tmp_path)
    assert first.returncode == 4, first.stdout + first.stderr
    assert "the model server exited with status 3" in first.stdout
    assert "CUDA error" in first.stdout
    one, other = sorted(attempts(tmp_path), key=lambda a: a["status"])
    assert (one["status"], other["status"]) == ("empty_patch", "infra_error")
    assert "the model server of this job has exited" in other["error"]
    second = contexttune(*said, cwd=tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    assert log_of(tmp_path).count("loading mine") == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["loading", "answering"])
def test_no_process_is_left_when_the_job_is_ended(tmp_path, number, moment):
    slow = {"loading": ("--load_s", "600"), "answering": ("--load_s", "0", "--answer_s", "600")}[moment]
    job = start(*arguments(*slow, "--family", "family"), cwd=tmp_path)
    family = pids(tmp_path / "family")
    if moment == "answering":
        assert comes_true(lambda: "asked" in log_of(tmp_path), 60)
    os.kill(job.pid, number)
    said, _ = job.communicate(timeout=60)
    assert job.returncode == (-9 if number == signal.SIGKILL else 130), said
    assert gone(family, 30 if number == signal.SIGKILL else 0)


def test_two_jobs_at_once_have_a_server_each(tmp_path):
    said = ("--load_s", "1", "--answer_s", "1")
    jobs = [start(*arguments(*said, seed=seed), cwd=tmp_path) for seed in ("0", "1")]
    for job in jobs:
        output, _ = job.communicate(timeout=120)
        assert job.returncode == 0, output
    assert [a["completion_tokens"] for a in attempts(tmp_path)] == [7, 7]
    logs = list(tmp_path.glob("results/*/runs/*/server.log"))
    assert [path.read_text().count("POST") for path in logs] == [1, 1]
