"""The demo's tasks: swebench accepts them, and their tests tell the bug from the fix."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contexttune.repos.git import git, network

DEMO = Path(__file__).resolve().parents[2] / "contexttune" / "demo"
IDS = sorted(path.name for path in (DEMO / "tasks").iterdir() if path.is_dir())
Row = dict[str, Any]
CheckOut = Callable[[Row], Path]

COLUMNS = {
    "instance_id",
    "repo",
    "version",
    "base_commit",
    "split",
    "datasets",
    "image",
    "log_parser",
    "eval_type",
    "eval_script",
    "patch",
    "test_patch",
    "problem_statement",
    "FAIL_TO_PASS",
    "PASS_TO_PASS",
}


@pytest.fixture(scope="module")
def rows() -> dict[str, Row]:
    from swebench.task.repo import load_task_repo

    return {row["instance_id"]: row for row in load_task_repo(DEMO)}


@pytest.fixture
def checkout(tmp_path: Path) -> CheckOut:
    """A function that checks an instance's base_commit out."""

    def check_out(row: Row) -> Path:
        bundle = DEMO / "repos" / f"{row['repo'].replace('/', '__')}.bundle"
        git("clone", "-q", bundle, tmp_path / "testbed", env=network())
        git("checkout", "-q", row["base_commit"], cwd=tmp_path / "testbed")
        return tmp_path / "testbed"

    return check_out


def _apply(patch: str, testbed: Path) -> None:
    git("apply", "-", cwd=testbed, stdin=patch.encode())


def _run_tests(row: Row, testbed: Path) -> dict[str, str]:
    """Test -> status: the command of eval.sh on this interpreter, read by swebench's own parser."""
    from swebench.harness.log_parsers import PARSER_REGISTRY

    (arguments,) = re.findall(r"^python3 (-m unittest -v .+)$", row["eval_script"], re.MULTILINE)
    done = subprocess.run(
        [sys.executable, "-B", *arguments.split()], cwd=testbed, capture_output=True, text=True, check=False
    )
    statuses: dict[str, str] = PARSER_REGISTRY[row["log_parser"]](done.stdout + done.stderr, None)
    return statuses


def _wanted(row: Row) -> list[str]:
    return [*row["FAIL_TO_PASS"], *row["PASS_TO_PASS"]]


@pytest.mark.parametrize("instance_id", IDS)
def test_the_tests_fail_without_the_fix_and_pass_with_it(
    rows: dict[str, Row], checkout: CheckOut, instance_id: str
) -> None:
    row = rows[instance_id]
    testbed = checkout(row)
    _apply(row["test_patch"], testbed)
    before = _run_tests(row, testbed)
    assert {test: before.get(test) for test in row["PASS_TO_PASS"]} == dict.fromkeys(
        row["PASS_TO_PASS"], "PASSED"
    )
    assert all(before.get(test) in ("FAILED", "ERROR") for test in row["FAIL_TO_PASS"])
    _apply(row["patch"], testbed)
    after = _run_tests(row, testbed)
    assert {test: after.get(test) for test in _wanted(row)} == dict.fromkeys(_wanted(row), "PASSED")


@pytest.mark.parametrize("instance_id", IDS)
def test_the_whole_suite_passes_at_the_base_commit(
    rows: dict[str, Row], checkout: CheckOut, instance_id: str
) -> None:
    command = [sys.executable, "-B", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
    done = subprocess.run(
        command, cwd=checkout(rows[instance_id]), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("instance_id", IDS)
def test_the_evaluation_script_runs_whole_in_a_checkout(
    rows: dict[str, Row], checkout: CheckOut, instance_id: str, tmp_path: Path
) -> None:
    from contexttune.repos.git import environment

    row = rows[instance_id]
    testbed = checkout(row)
    _apply(row["patch"], testbed)
    assert row["eval_script"].count("/testbed") == 2
    script = row["eval_script"].replace("/testbed", str(testbed))
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    (bin_dir / "python3").symlink_to(sys.executable)
    env = environment({"HOME": str(tmp_path)})
    env["PATH"] = f"{bin_dir}:{env['PATH']}"
    env["GIT_CONFIG_GLOBAL"] = str(tmp_path / "gitconfig")  # the script writes safe.directory there
    done = subprocess.run(
        ["bash", "-c", script], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    log = done.stdout.decode()
    start, end = log.index(">>>>> Start Test Output"), log.index(">>>>> End Test Output")
    assert "OK" in log[start:end]
    assert "\nerror:" not in log
    changed = git("status", "--porcelain", "--untracked-files=no", cwd=testbed).decode().split()[1::2]
    assert changed == re.findall(r"^\+\+\+ b/(.*)$", row["patch"], re.MULTILINE), "tests were not reset"


def test_swebench_finds_nothing_wrong_with_the_task_repository() -> None:
    from swebench.task.checks import check_task_repo

    assert [str(problem) for problem in check_task_repo(DEMO)] == []


def test_every_row_has_the_columns_the_harness_reads(rows: dict[str, Row]) -> None:
    assert len(rows) == 6
    for row in rows.values():
        assert set(row) >= COLUMNS
        assert row["datasets"] == ["contexttune/demo"]
        assert (row["version"], row["split"], row["eval_type"]) == ("1.0", "test", "pass_and_fail")
        key = row["instance_id"].replace("__", "_1776_")
        assert row["image"] == f"swebench/sweb.eval.x86_64.{key}:latest"


def test_gold_and_test_patches_do_not_mix(rows: dict[str, Row]) -> None:
    for row in rows.values():
        gold = re.findall(r"^\+\+\+ b/(.*)$", row["patch"], re.MULTILINE)
        tests = re.findall(r"^\+\+\+ b/(.*)$", row["test_patch"], re.MULTILINE)
        assert gold
        assert tests
        assert not [path for path in gold if path.startswith("tests/")]
        assert all(path.startswith("tests/") for path in tests)


def test_no_statement_quotes_its_fix(rows: dict[str, Row]) -> None:
    for row in rows.values():
        added = re.findall(r"^\+(?!\+\+)\s*(.+)$", row["patch"], re.MULTILINE)
        assert not [line for line in added if len(line) > 12 and line in row["problem_statement"]]
