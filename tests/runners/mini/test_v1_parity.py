"""`runner.protocol=v1` says on every request what `mini-extra swebench` of mini-swe-agent 1.17.5 says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from contexttune.runners.mini.v1_prompts import RELEASE
from tests.agents.scripted import DOCKER, ROTA, Agent, fenced
from tests.conftest import ROOT, required
from tests.models.fault_server import Answer, ok, serving
from tests.runners.mini.test_parity import surroundings, write_task

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TIMEOUT_S = 2
# What 1.17.5 treats in a way of its own: turns without exactly one command, time-outs, its login shell.
ODDITIES: tuple[Answer, ...] = (
    ok("I have no command at all."),
    ok("Two:\n\n```bash\nls\n```\n\n```bash\npwd\n```", reasoning_content="not to be sent back"),
    ok("Another fence:\n\n```mswea_bash_command\nls\n```"),
    ok(None),  # type: ignore[arg-type]
    ok("One more, cut off:\n\n```bash\nls", finish_reason="length"),
    fenced(r"printf 'one\r\ntwo\rthree\xff\n'; sleep 60", "bash"),
    fenced("sleep 60", "bash"),
    fenced("seq 1 9000; sleep 60", "bash"),
    fenced(r"printf 'one\r\ntwo\rthree\xff\n'; seq 1 5000; false", "bash"),
    fenced("shopt login_shell; env | grep -v -e HOSTNAME -e ^_= | sort; pwd; id; cat <&0", "bash"),
    fenced("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; false", "bash"),
    fenced(f"shopt login_shell; : {'x' * 110_000}", "bash"),  # near what an argument may hold
    fenced("echo {{ output }} '{% x %}' >> README.md; echo new > new.txt", "bash"),
)


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the real release; skips where no registry can be reached."""
    folder = tmp_path_factory.mktemp("v1")
    fetch = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), RELEASE]
    if (fetched := run(*fetch)).returncode != 0:
        pytest.skip(f"{RELEASE} cannot be fetched: {fetched.stderr.strip()[-200:]}")
    pins = re.findall(
        r"^(?!mini-swe-agent)[\w.-]+==.+$", (ROOT / "requirements.txt").read_text(), re.MULTILINE
    )
    (folder / "pins.txt").write_text("\n".join(pins))
    uv, python = Path(sys.executable).with_name("uv"), folder / "env" / "bin" / "python"
    made = run(uv, "venv", "--quiet", "--python", sys.executable, folder / "env")
    if made.returncode == 0:
        wanted = (RELEASE, "datasets", "litellm", "--constraint", folder / "pins.txt")
        made = run(uv, "pip", "install", "--quiet", "--python", python, *wanted)
    if made.returncode != 0:
        end = pytest.fail if "docker" in required() else pytest.skip
        end(f"{RELEASE} cannot be installed: {made.stderr[-500:]}")
    return folder / "env"


def run(*command: Any, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, timeout=600, **options
    )


def mini_extra(root: Path, release: Path, answers: tuple[Answer, ...]) -> tuple[list[Any], str]:
    """(what each request said, the patch) of the real batch runner on its own configuration."""
    write_task(root)
    (packaged,) = release.glob("lib/*/site-packages/minisweagent/config/extra/swebench.yaml")
    configured = yaml.safe_load(packaged.read_text())
    configured["environment"]["timeout"] = TIMEOUT_S
    with serving(*answers) as server:
        arguments = {"api_base": server.url, "temperature": 0.0}
        configured["model"] = {
            "model_name": "openai/m",
            "cost_tracking": "ignore_errors",
            "model_kwargs": arguments,
        }
        (root / "swebench.yaml").write_text(yaml.safe_dump(configured))
        done = run(
            *(release / "bin" / "mini-extra", "swebench", "--subset", root / "tasks", "--split", "test"),
            *("-w", "1", "-o", root / "out", "-c", root / "swebench.yaml"),
            env=surroundings(root),
        )
    assert done.returncode == 0, done.stdout + done.stderr
    predictions = json.loads((root / "out" / "preds.json").read_text())
    return said(server.requests), predictions[ROTA]["model_patch"]


def said(requests: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return [request["messages"] for request in requests]


def compared(tmp_path: Path, release: Path, *answers: Answer) -> tuple[Agent, list[list[dict[str, Any]]]]:
    """Our run and what it said, once both are known to be those of the real release."""
    wanted, patch = mini_extra(tmp_path / "theirs", release, answers)
    (tmp_path / "ours").mkdir()
    agent = Agent(tmp_path / "ours", DOCKER, "docker")
    settings = ("runner.protocol=v1", f"runner.command_timeout_s={TIMEOUT_S}", "model.temperature=0")
    with serving(*answers) as server:
        done = agent.run(server.url, *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    found = said(server.requests)
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == theirs
    assert len(found) == len(answers)
    assert agent.predictions()[ROTA] == patch
    return agent, found


def test_every_request_and_the_patch_are_those_of_the_real_release(tmp_path, boxed_agent, release):
    submit = fenced("echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT && git add -A && git diff --cached", "bash")
    agent, found = compared(tmp_path, release, *ODDITIES, submit)
    assert [message["role"] for message in found[-1]] == [
        "system",
        "user",
        *["assistant", "user"] * len(ODDITIES),
    ]
    assert "+new\n" in agent.predictions()[ROTA]
    attempt = agent.attempt()
    assert (attempt["status"], attempt["n_calls"], attempt["n_steps"]) == ("submitted", 14, 9)
    assert re.fullmatch("[0-9a-f]{64}", attempt["details"]["v1_prompts_sha256"])


def test_the_older_magic_line_submits_as_well(tmp_path, boxed_agent, release):
    agent, _ = compared(tmp_path, release, fenced("echo MINI_SWE_AGENT_FINAL_OUTPUT; echo a patch", "bash"))
    assert agent.predictions()[ROTA] == "a patch\n"
