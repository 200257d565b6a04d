"""What the files of a harness run prove, and what they do not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from contexttune.harness.run_logs import judge

STAMP = "2026-01-01 10:00:00,000 - INFO - "
ENDED = "+ : '>>>>> Start Test Output'\ntest_a ... ok\n+ : '>>>>> End Test Output'\n"


def report(applied: bool, resolved: bool, **more: str) -> str:
    return json.dumps({"a-1": {"patch_successfully_applied": applied, "resolved": resolved, **more}})


CASES = {
    "resolved": ({"report.json": report(True, True), "test_output.txt": ENDED}, "resolved", None),
    "unresolved": ({"report.json": report(True, False), "test_output.txt": ENDED}, "unresolved", None),
    "the log contradicts the exit status": (
        {"report.json": report(False, False), "test_output.txt": ENDED},
        *("unresolved", None),
    ),
    "the harness names a reason": (
        {"report.json": report(False, False, infra_failure_reason="no_tests_collected"), "test_output.txt": ENDED},
        *("unresolved", "no_tests_collected"),
    ),
    "the output stream broke off": (
        {"report.json": report(False, False), "test_output.txt": ENDED.splitlines()[0]},
        *("infra_error", "tests_did_not_end"),
    ),
    "no test output": ({"report.json": report(False, False)}, "infra_error", "tests_did_not_end"),
    "killed while writing the report": (
        {"report.json": report(True, True)[:20], "test_output.txt": ENDED, "run_instance.log": STAMP},
        *("infra_error", "harness_stopped"),
    ),
    "the report is about something else": (
        {"report.json": json.dumps({"b-2": {}}), "run_instance.log": STAMP},
        *("infra_error", "harness_stopped"),
    ),
    "patch refused": (
        {"run_instance.log": f"{STAMP}>>>>> Patch Apply Failed:\nerror: corrupt patch\n"},
        *("error", "patch_apply_failed"),
    ),
    "a patch that only talks of being refused": (
        {"run_instance.log": f"{STAMP}Git diff before:\n+>>>>> Patch Apply Failed\n"},
        *("infra_error", "harness_stopped"),
    ),
    "timed out": (
        {"test_output.txt": "...\n\nTimeout error: 1800 seconds exceeded.", "run_instance.log": STAMP},
        *("error", "tests_timed_out"),
    ),
    "tests that only talk of a timeout": (
        {"test_output.txt": "\n\nTimeout error: 1800 seconds exceeded.\nmore", "run_instance.log": STAMP},
        *("infra_error", "harness_stopped"),
    ),
    "engine full": (
        {"run_instance.log": f"{STAMP}Creating container for a-1...\n{STAMP.replace('INFO', 'ERROR')}Error creating container for a-1: no space left on device"},
        *("infra_error", "container_not_created"),
    ),
    "nothing": ({}, "infra_error", "not_started"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_instance_is_judged_by_its_own_files(case: str, tmp_path: Path) -> None:
    files, outcome, reason = CASES[case]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    verdict = judge(tmp_path, "a-1")
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
