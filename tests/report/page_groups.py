"""Groups on disk as runs leave them, with the texts that a test wants to find in the page."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contexttune.injection import block
from contexttune.paths import Layout
from contexttune.report import group as groups
from contexttune.report import summary
from contexttune.report.page import document
from contexttune.report.page.details import Records
from contexttune.system.files import sha256, write_atomic, write_json, write_jsonl
from tests.report.contrasts import contrast

GROUP = "g"
COMMIT = "c" * 40
CONTEXT = "# The repository\n\nTests lie in tests/.\n"
TESTS = {
    "FAIL_TO_PASS": {"failure": ["tests/test_f.py::test_new"], "success": ["tests/test_f.py::test_other"]},
    "PASS_TO_PASS": {"failure": [], "success": ["tests/test_f.py::test_old"]},
}


def tool_step(number: int, command: str, said: str = "I look.", output: str = "fine") -> list[dict[str, Any]]:
    """One step of mini-swe-agent's, with a tool call."""
    answer = {"role": "assistant", "content": said, "extra": {"actions": [{"command": command}]}}
    return [
        answer,
        {"role": "tool", "tool_call_id": f"c{number}", "content": output, "extra": {"raw_output": output}},
    ]


def conversation(*commands: str, output: str = "fine") -> list[dict[str, Any]]:
    steps = [
        message
        for number, command in enumerate(commands)
        for message in tool_step(number, command, output=output)
    ]
    return [{"role": "system", "content": "You fix."}, {"role": "user", "content": "An issue."}, *steps]


def write_run(
    place: Layout,
    condition: str,
    seed: int,
    outcomes: Mapping[str, str],
    *,
    repo: str = "o/r",
    problem: str = "It breaks.",
    patch: str = "diff --git a/f b/f\n--- a/f\n+++ b/f\n@@ -1 +1 @@\n--- old\n+new\n",
    messages: Mapping[str, list[dict[str, Any]]] | None = None,
    context: str = "",
    tests: Mapping[str, Any] | None = None,
    log: str = "",
    **attempt: Any,
) -> str:
    """A finished run graded by the SWE-bench harness; its run_id."""
    run_id = f"run-{condition.encode().hex()[:16]}-s{seed}"
    home, framed = place.run(GROUP, run_id), block(context)
    instances = [{"instance_id": name, "repo": repo, "difficulty": "1-4 hours"} for name in outcomes]
    run: dict[str, Any] = {
        "run_id": run_id,
        "group_id": GROUP,
        "condition": condition,
        "seed": seed,
        "status": "finished",
    }
    run |= {
        "model_name_or_path": f"m__{condition}",
        "scripted": False,
        "harness": "swebench_docker",
        "official": True,
    }
    write_json(
        home / "run.json",
        run | {"instances": instances, "manifest": {"rows_digest": "x", "settings_digest": "y"}},
    )
    row = {"repo": repo, "base_commit": COMMIT, "problem_statement": problem}
    write_jsonl(place.problems(GROUP, run_id), [{"instance_id": name, **row} for name in outcomes])
    verdicts = {}
    for name, outcome in outcomes.items():
        own: dict[str, Any] = {
            "status": "submitted",
            "exit_status": "Submitted",
            "model_patch": patch,
            "patch_sha256": sha256(patch),
        }
        own |= {
            "wall_s": 1.5,
            "prompt_tokens": 1_000 + 100 * seed,
            "completion_tokens": 50,
            "n_steps": 2,
            "instance_id": name,
        }
        own |= {"context_chars": len(framed), "block_sha256": sha256(framed)}
        write_json(place.instance(GROUP, run_id, name) / "attempt.json", own | attempt)
        if messages and name in messages:
            write_trajectory(place.instance(GROUP, run_id, name), name, messages[name])
        logs = home / "harness" / "ct-1" / "logs" / "run_evaluation" / "ct-1" / "m" / name
        write_json(
            logs / "report.json", {name: {"resolved": outcome == "resolved", "tests_status": tests or {}}}
        )
        write_atomic(
            logs / "test_output.txt",
            f"{log}\n>>>>> End Test Output\nrestored\n".encode("utf-8", "surrogatepass"),
        )
        verdicts[name] = {
            "outcome": outcome,
            "patch_sha256": sha256(patch),
            "harness_run_id": "ct-1",
            "reason": None,
        }
    write_json(home / "outcomes.json", verdicts)
    write_json(home / "harness" / "outcomes.json", verdicts)
    return run_id


def write_trajectory(home: Path, name: str, messages: list[dict[str, Any]]) -> None:
    """As the agent's worker writes it: ASCII, so that lone surrogates survive."""
    write_atomic(home / f"{name}.traj.json", json.dumps({"instance_id": name, "messages": messages}))


def write_page(
    place: Layout, *, trajectories: bool = True, max_mb: float = 5.0, group: str = GROUP, **summary_keys: Any
) -> Path:
    """The page of a group, with a contrast where it has two arms."""
    made = summary.rebuild(place, group)
    if len(made["conditions"]) > 1:
        made |= {"contrasts": [contrast()]}
    rows = groups.read(place, group).rows
    return document.write(place, group, made | summary_keys, rows, trajectories=trajectories, max_mb=max_mb)


def unpacked(path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(index, details) in a page, as its script unpacks them."""
    text = re.search(r'id="packed">(.*?)</script>', path.read_text(), re.DOTALL)
    assert text is not None
    index, *details = [
        json.loads(zlib.decompress(base64.b64decode(line))) for line in text[1].split("\n") if line
    ]
    return index, details


def details_of(place, name="a"):
    rows = [row for row in groups.read(place, GROUP).rows if row["instance_id"] == name]
    return Records(place, GROUP, trajectories=True).read(rows)
