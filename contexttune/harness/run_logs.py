"""Verdicts from the log files of a run of the SWE-bench harness.

The harness's exit status and summary are not reliable: an outage during a test run is reported as an
unresolved instance, with exit status 0. So each instance is judged by its own files.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from contexttune.harness.gradings import Verdict
from contexttune.types import Outcome

_END = b">>>>> End Test Output"  # printed by the eval script when the tests have ended
_TAIL_BYTES = 4_096
# Records of the harness's logger begin with a time stamp; quoted diffs do not.
_APPLY_FAILED = re.compile(r"^\d{4}-\d\d-\d\d [\d:,]+ - INFO - >>>>> Patch Apply Failed", re.MULTILINE)
_TIMED_OUT = re.compile(rb"\n\nTimeout error: (\d+) seconds exceeded\.\Z")
# The harness fails on a patch that is not UTF-8.
_NOT_UTF8 = re.compile(r"^Unicode(?:En|De)codeError: ", re.MULTILINE)
_NO_IMAGE = re.compile(r" - ERROR - Error creating container for ")


def judge(log_dir: Path, instance_id: str) -> Verdict:
    """The verdict on one instance; `infra_error` if its files show none.

    `log_dir` is logs/run_evaluation/<run>/<model>/<instance_id> of a finished or unfinished harness run.
    """
    report = _report(log_dir / "report.json", instance_id)
    if report is None:
        return _without_report(log_dir)
    ended = report.get("patch_successfully_applied") is True or _END in _read(log_dir / "test_output.txt")
    if not ended:
        return _outage("tests_did_not_end")
    outcome = Outcome.RESOLVED if report.get("resolved") is True else Outcome.UNRESOLVED
    return Verdict(outcome=outcome, reason=report.get("infra_failure_reason"))


def timeout_s(log_dir: Path) -> int | None:
    """The time limit that the tests exceeded, in seconds, or None."""
    found = _TIMED_OUT.search(_read(log_dir / "test_output.txt", _TAIL_BYTES))
    return int(found[1]) if found else None


def _without_report(log_dir: Path) -> Verdict:
    if timeout_s(log_dir) is not None:
        return Verdict(outcome=Outcome.ERROR, reason="tests_timed_out")
    log = _read(log_dir / "run_instance.log").decode(errors="replace")
    if _APPLY_FAILED.search(log):
        return Verdict(outcome=Outcome.ERROR, reason="patch_apply_failed")
    if _NOT_UTF8.search(log):
        return Verdict(outcome=Outcome.ERROR, reason="patch_not_utf8")
    if _NO_IMAGE.search(log):
        no_image = "Image not found locally" in log and "Creating container for" not in log
        return _outage("image_missing" if no_image else "container_not_created")
    return _outage("harness_stopped" if log else "not_started")


def _outage(reason: str) -> Verdict:
    return Verdict(outcome=Outcome.INFRA_ERROR, reason=reason)


def _report(path: Path, instance_id: str) -> dict[str, Any] | None:
    """The instance's entry of report.json; None if it is missing or incomplete."""
    try:
        return dict(json.loads(path.read_bytes())[instance_id])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _read(path: Path, last_bytes: int | None = None) -> bytes:
    """The content of a file, or the end of it; b"" if there is no such file."""
    try:
        with path.open("rb") as source:
            if last_bytes:
                source.seek(max(0, path.stat().st_size - last_bytes))
            return source.read()
    except FileNotFoundError:
        return b""
