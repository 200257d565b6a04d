"""A swebench task repo of a few files, made in a second: several instances of one small bug."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from contexttune.paths import Layout
from contexttune.repos.git import git
from contexttune.repos.workspace import Workspace
from contexttune.system.files import write_jsonl
from contexttune.types import GoldInstance

REPO = "ctlab/calc"
NAMES = ("ctlab__calc-1", "ctlab__calc-2")
_WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "toy"), ("EMAIL", "toy@localhost"), ("DATE", "2024-01-01T00:00:00Z"))
}
_CORE = '''def mean(values):
    """Arithmetic mean; 0.0 for no values."""
    return sum(values) / len(values)


def clamp(x, low, high):
    return max(low, min(x, high))
'''
_TESTS = """import unittest

from calc.core import clamp, mean


class CoreTest(unittest.TestCase):
    def test_mean(self):
        self.assertEqual(mean([1, 2, 3]), 2)

    def test_clamp(self):
        self.assertEqual(clamp(5, 0, 3), 3)
"""
_NEW_TEST = """
    def test_mean_of_nothing(self):
        self.assertEqual(mean([]), 0.0)
"""
_FIXED = "    return sum(values) / len(values) if values else 0.0\n"


def id_of(test: str) -> str:
    """A test's name as unittest prints it."""
    return f"{test} (tests.test_core.CoreTest.{test})"


def core_patch(fixed: str = _FIXED, preamble: str = "") -> str:
    """A diff of calc/core.py: a replacement for the faulty line, and lines before everything."""
    before = _CORE.splitlines()
    added, changed = preamble.splitlines(), fixed.splitlines()
    hunk = [f"+{line}" for line in added] + [f" {line}" for line in before[:2]]
    hunk += [f"-{before[2]}", *(f"+{line}" for line in changed), " ", " "]
    size = 4 + len(added) + len(changed)
    head = ["diff --git a/calc/core.py b/calc/core.py", "--- a/calc/core.py", "+++ b/calc/core.py"]
    return "\n".join([*head, f"@@ -1,5 +1,{size} @@", *hunk]) + "\n"


GOLD = core_patch()
NO_OP = "diff --git a/NOTE b/NOTE\nnew file mode 100644\n--- /dev/null\n+++ b/NOTE\n@@ -0,0 +1 @@\n+nothing\n"
MALFORMED = "this is not a diff\n"
LATIN = NO_OP.replace("nothing", "caf\udce9")  # bytes that are not UTF-8, as the program carries them
ENDLESS = core_patch("    while True:\n        pass\n")
# claims that all tests passed, and leaves with a status that tells otherwise
SPOOF = core_patch(
    preamble="import os\n"
    + "".join(
        f"print('{id_of(t)} ... ok', flush=True)\n"
        for t in ("test_mean", "test_clamp", "test_mean_of_nothing")
    )
    + "os._exit(1)\n"
)


def slow(seconds: float) -> str:
    """A right fix whose tests take that long."""
    return core_patch(preamble=f"import time\ntime.sleep({seconds})\n")


def make(root: Path) -> Path:
    """Write the task repo to `root`, with its bundle in repos/; always the same commits."""
    source = root.parent / f"{root.name}-source"
    for name, text in {
        "calc/__init__.py": "",
        "calc/core.py": _CORE,
        "tests/__init__.py": "",
        "tests/test_core.py": _TESTS,
    }.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / ".gitignore").write_text("__pycache__/\n")
    git("init", "-q", "--initial-branch=main", source)
    git("add", "-A", cwd=source)
    git("commit", "-qm", "a calculator", cwd=source, env=_WHO)
    base = git("rev-parse", "HEAD", cwd=source).decode().strip()
    (source / "tests/test_core.py").write_text(_TESTS + _NEW_TEST)
    test_patch = git("diff", cwd=source).decode()
    git("commit", "-qam", "what an agent must not see", cwd=source, env=_WHO)
    (root / "repos").mkdir(parents=True)
    git("bundle", "create", "-q", root / "repos" / "ctlab__calc.bundle", "main", cwd=source)
    (root / "sweb.yaml").write_text("datasets:\n- ctlab/toy\nsplits:\n- test\n")
    for name in NAMES:
        _write_task(root / "tasks" / name, name, base, test_patch)
    return root


def _write_task(task: Path, name: str, base: str, test_patch: str) -> None:
    task.mkdir(parents=True)
    reset = f"git checkout {base} tests/test_core.py"
    script = [
        *(
            "#!/bin/bash",
            "set -uxo pipefail",
            "cd /testbed",
            "git config --global --add safe.directory /testbed",
        ),
        *("git status", "git show", f"git -c core.fileMode=false diff {base}", reset),
        f"git apply -v - <<'EOF_TOY'\n{test_patch}\nEOF_TOY",
        *(
            ": '>>>>> Start Test Output'",
            "python3 -m unittest -v tests.test_core",
            ": '>>>>> End Test Output'",
            reset,
        ),
    ]
    tests = {
        "FAIL_TO_PASS": [id_of("test_mean_of_nothing")],
        "PASS_TO_PASS": [id_of("test_clamp"), id_of("test_mean")],
    }
    fields = {
        **{"base_commit": base, "datasets": ["ctlab/toy"], "eval_type": "pass_and_fail", "instance_id": name},
        **{"image": f"swebench/sweb.eval.x86_64.{name.replace('__', '_1776_')}:latest", "split": "test"},
        **{"log_parser": "parse_log_django", "repo": REPO, "version": "1.0"},
    }
    texts = {
        "eval.sh": "\n".join(script) + "\n",
        "gold.patch": GOLD,
        "test.patch": test_patch,
        "problem_statement.md": "mean([]) raises ZeroDivisionError.\n",
        "tests.json": json.dumps(tests),
        "task.yaml": json.dumps(fields),
        "Dockerfile": "ARG BASE=contexttune-demo-base:1\nFROM ${BASE}\nADD testbed.tar /testbed/\nWORKDIR /testbed\nSTOPSIGNAL SIGKILL\n",
    }
    for file, text in texts.items():
        (task / file).write_text(text)


def instances(root: Path) -> list[GoldInstance]:
    """The task repo's instances, by id."""
    from swebench.task.repo import load_task_repo

    return [
        instance(dict(row)) for row in sorted(load_task_repo(str(root)), key=lambda row: row["instance_id"])
    ]


def instance(row: dict[str, Any]) -> GoldInstance:
    """A dataset row as the program passes it around."""
    return GoldInstance(
        **{
            key: row[key]
            for key in (
                "instance_id",
                "repo",
                "base_commit",
                "problem_statement",
                "image",
                "patch",
                "test_patch",
            )
        },
        version=str(row["version"]),
        row=row,
    )


def copies(original: GoldInstance, *names: str) -> list[GoldInstance]:
    """The same task under other ids, with the original's image."""
    return [instance({**original.row, "instance_id": name}) for name in names]


def workspace(root: Path, cache: Path) -> Workspace:
    """Checkouts out of the task repo's bundle."""
    return Workspace(
        layout=Layout(cache=cache, artifacts=cache, results=cache),
        remote=str(root / "repos" / "{owner}__{name}.bundle"),
    )


def write_predictions(path: Path, patches: dict[str, str]) -> Path:
    """Predictions by instance id."""
    write_jsonl(
        path,
        [
            {"instance_id": name, "model_name_or_path": "toy/model", "model_patch": patch}
            for name, patch in patches.items()
        ],
    )
    return path


def containers() -> list[str]:
    """Names of the toy tasks' containers in the Docker engine, running or not."""
    listed = ["docker", "ps", "--all", "--format", "{{.Names}}", "--filter", "name=sweb.eval.ctlab__calc"]
    return subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
