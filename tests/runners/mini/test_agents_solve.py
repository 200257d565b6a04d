"""Both runners on demo tasks with written-down agents, graded: what the script solves is solved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contexttune.system.files import read_json
from tests.command_line import contexttune

SCRIPT = Path(__file__).with_name("agent_script.yaml")
EXPECTED = {
    "ctdemo__inkfile-8": "unresolved",
    "ctdemo__rota-21": "resolved",
    "ctdemo__tablet-12": "resolved",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runner", "harness"),
    [
        pytest.param("mini_swe_agent", "local", marks=pytest.mark.bwrap),
        pytest.param("mini_swe_agent_swebench", "swebench_docker", marks=pytest.mark.docker),
    ],
)
def test_the_harness_agrees_with_what_the_script_solves(tmp_path, request, runner, harness):
    request.getfixturevalue("agent" if harness == "local" else "boxed_agent")
    ids = ",".join(EXPECTED)
    done = contexttune(
        *(f"runner={runner}", f"harness={harness}", "slice=demo", f"slice.instance_ids=[{ids}]"),
        *("model=scripted", f"model.script={SCRIPT}", "condition=no_context", "group_id=g", "workers=2"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (outcomes,) = tmp_path.glob("results/g/runs/*/outcomes.json")
    assert {name: row["outcome"] for name, row in (read_json(outcomes)).items()} == EXPECTED
    for path in tmp_path.glob("artifacts/preds/g/*/*/attempt.json"):
        attempt = json.loads(path.read_bytes())
        assert (attempt["status"], attempt["exit_status"]) == ("submitted", "Submitted")
        assert attempt["recovered_patch"] == ""
