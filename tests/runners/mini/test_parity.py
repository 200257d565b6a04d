"""The first request equals that of `mini-extra swebench`, and a condition adds its block and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from contexttune.injection import block, inject
from tests.agents.scripted import EDIT, ROTA, SUBMIT, Agent, calls, fenced
from tests.models.fault_server import Answer, serving

pytestmark = pytest.mark.docker

SAMPLING = {"temperature": 0.3, "max_tokens": 512, "seed": 7}
OURS = ("model.temperature=0.3", "model.max_tokens=512", "seed=7")
ANSWERS: dict[str, tuple[Answer, ...]] = {
    "toolcall": (calls(EDIT), calls(SUBMIT)),
    "backticks": (fenced(EDIT), fenced(SUBMIT)),
}
# its configuration of the text protocol leaves the class of the model to the caller; the default one sends tools
CONFIG = {
    "toolcall": ("-c", "swebench.yaml"),
    "backticks": ("--model-class", "litellm_textbased", "-c", "swebench_backticks.yaml"),
}


def row(instance: str) -> dict[str, Any]:
    from swebench.task.repo import load_task_repo

    tasks = load_task_repo(str(Path(__file__).parents[3] / "contexttune" / "demo"))
    return next(dict(task) for task in tasks if task["instance_id"] == instance)


def write_task(root: Path) -> None:
    """The instance as a data set that `mini-extra` takes: root/tasks."""
    task = {key: row(ROTA)[key] for key in ("instance_id", "problem_statement")}
    (root / "tasks").mkdir(parents=True)
    (root / "tasks" / "test.jsonl").write_text(
        json.dumps({**task, "image_name": f"swebench/sweb.eval.x86_64.{ROTA.replace('__', '_1776_')}:latest"})
    )


def surroundings(root: Path) -> dict[str, str]:
    """The environment of `mini-extra`: nothing of this machine's own settings, no hub."""
    return {
        **os.environ,
        "OPENAI_API_KEY": "none",
        "HOME": str(root),
        "HF_HOME": str(root / "hf"),
        "HF_HUB_OFFLINE": "1",
        "MSWEA_GLOBAL_CONFIG_DIR": str(root / "mini"),
        "MSWEA_SILENT_STARTUP": "1",
        "MSWEA_CONFIGURED": "true",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


def mini_extra(root: Path, protocol: str) -> list[dict[str, Any]]:
    """Requests of mini-swe-agent's own batch runner on the same instance, settings and answers."""
    write_task(root)
    settings = {
        "model.model_name": "openai/m",
        "model.cost_tracking": "ignore_errors",
        **{f"model.model_kwargs.{key}": value for key, value in SAMPLING.items()},
    }
    with serving(*ANSWERS[protocol]) as server:
        settings["model.model_kwargs.api_base"] = server.url
        flags = [flag for key, value in settings.items() for flag in ("-c", f"{key}={value}")]
        command = [
            str(Path(sys.executable).with_name("mini-extra")),
            "swebench",
            "--subset",
            str(root / "tasks"),
        ]
        command += ["--split", "test", "-w", "1", "-o", str(root / "out"), *CONFIG[protocol], *flags]
        done = subprocess.run(
            command, env=surroundings(root), capture_output=True, text=True, check=False, timeout=300
        )
    assert done.returncode == 0, done.stdout + done.stderr
    return server.requests


def ours(root: Path, protocol: str, *more: str) -> list[dict[str, Any]]:
    root.mkdir()
    agent = Agent(root, "mini_swe_agent_swebench", "docker")
    with serving(*ANSWERS[protocol]) as server:
        done = agent.run(server.url, f"runner.protocol={protocol}", *OURS, *more)
    assert done.returncode == 0, done.stdout + done.stderr
    assert agent.attempt()["status"] == "submitted"
    return server.requests


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["toolcall", "backticks"])
def test_the_first_request_is_that_of_mini_extra_swebench(tmp_path, boxed_agent, protocol):
    theirs = mini_extra(tmp_path / "theirs", protocol)
    plain = ours(tmp_path / "plain", protocol)
    assert plain[0] == theirs[0]  # every key of the body: there are no transport-only ones
    assert {key: plain[0][key] for key in SAMPLING} == SAMPLING
    assert [m["role"] for m in plain[1]["messages"]] == [m["role"] for m in theirs[1]["messages"]]
    assert plain[1]["messages"][-1] == theirs[1]["messages"][-1]  # the observation of the same command


@pytest.mark.slow
@pytest.mark.parametrize("protocol", ["toolcall", "backticks"])
def test_a_condition_adds_its_block_before_the_task_and_nothing_else(tmp_path, boxed_agent, protocol):
    plain = ours(tmp_path / "plain", protocol)[0]
    with_context = ours(tmp_path / "with", protocol, "condition=baseline_context")[0]
    (context,) = (tmp_path / "with").glob("artifacts/contexts/*/*/context.md")
    statement = row(ROTA)["problem_statement"]
    task = inject(block(context.read_text()), statement)
    assert task != statement
    assert task.endswith(statement)
    told = with_context["messages"][1]["content"]
    assert told == plain["messages"][1]["content"].replace(statement, task)
    with_context["messages"][1]["content"] = plain["messages"][1]["content"]
    assert with_context == plain
