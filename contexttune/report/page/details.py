"""Details of one instance, read from disk: issue, patches, tests, context blocks and trajectories."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from contexttune.errors import ArtifactError
from contexttune.injection import BEGIN, END, block
from contexttune.paths import Layout
from contexttune.report.page.attempt_files import Files
from contexttune.report.page.escape import middle_cut, visible
from contexttune.report.page.steps import Step, branches, partings, prompt_of, shorten, steps_of
from contexttune.system.files import read_jsonl, sha256

Row = Mapping[str, Any]
_TAIL_BYTES = 16_000  # bytes read from the end of a test log
_END_OF_TESTS = ">>>>> End Test Output"  # the harness's cleanup follows
_KINDS = ("FAIL_TO_PASS", "PASS_TO_PASS")
_LISTED_TESTS = 40
_KEPT_PROBLEMS, _KEPT_VERDICTS = 4, 64  # runs whose files are cached


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Maximum characters of one trajectory, and of any other text."""

    trajectory: int
    text: int


@dataclass(frozen=True, kw_only=True)
class AttemptDetail:
    """One attempt in full."""

    record: Mapping[str, Any]
    reason: str
    failed: Mapping[str, Sequence[str]]
    n_passed: Mapping[str, int]
    log: str
    block: str
    steps: Sequence[Step]
    has_trajectory: bool


@dataclass(frozen=True, kw_only=True)
class Detail:
    """One instance in full."""

    problem: str
    attempts: Sequence[AttemptDetail]

    def within(self, limit: Limit) -> dict[str, Any]:
        """The instance as JSON for the page, its texts shortened to `limit`."""
        blocks = sorted({attempt.block for attempt in self.attempts if attempt.block})
        made = branches([attempt.steps for attempt in self.attempts])
        return {
            "problem": _cut(self.problem, limit.text),
            "blocks": [_cut(text, limit.text) for text in blocks],
            "attempts": [
                _shown(attempt, blocks, partings(made, number), limit)
                for number, attempt in enumerate(self.attempts)
            ],
            "branches": made,
        }


class Records:
    """Reads details of a group's instances, with or without trajectories."""

    def __init__(self, layout: Layout, group_id: str, *, trajectories: bool) -> None:
        self.layout = layout
        self.files = Files(layout=layout)
        self.group_id = group_id
        self.trajectories = trajectories
        self._problems = lru_cache(_KEPT_PROBLEMS)(self._read_problems)
        self._verdicts = lru_cache(_KEPT_VERDICTS)(self._read_verdicts)

    def read(self, rows: Sequence[Row]) -> Detail:
        """Read one instance, given the rows of its attempts."""
        first = rows[0]
        name = str(first["instance_id"])
        problems = (self._problems(part_of(row)).get(name) for row in rows)
        problem: Mapping[str, Any] = next((found for found in problems if found), {})
        commit = str(problem.get("base_commit") or "")
        return Detail(
            problem=str(problem.get("problem_statement") or ""),
            attempts=[self._attempt(row, commit) for row in rows],
        )

    def _read_problems(self, part_id: str) -> dict[str, Any]:
        return {row["instance_id"]: row for row in read_jsonl(self.layout.problems(self.group_id, part_id))}

    def _read_verdicts(self, part_id: str) -> dict[str, Any]:
        return self.files.record(self.layout.run(self.group_id, part_id) / "harness" / "outcomes.json")

    def _attempt(self, row: Row, commit: str) -> AttemptDetail:
        part_id, name = part_of(row), str(row["instance_id"])
        home = self.layout.instance(self.group_id, part_id, name)
        record = self.files.record(home / "attempt.json")
        messages = (
            self.files.record(home / f"{name}.traj.json").get("messages") if self.trajectories else None
        )
        verdict = self._verdicts(part_id).get(name) or {}
        log_dir = self._log_dir(part_id, name, verdict.get("harness_run_id"))
        failed, n_passed = _tests(self.files, log_dir, name)
        return AttemptDetail(
            record=record,
            reason=str(verdict.get("reason") or ""),
            failed=failed,
            n_passed=n_passed,
            log="" if row["outcome"] == "resolved" else _log(self.files, log_dir),
            block=self._block(row, record, commit, messages),
            steps=steps_of(messages or []),
            has_trajectory=messages is not None,
        )

    def _log_dir(self, part_id: str, name: str, harness_run_id: str | None) -> Path:
        """Directory of the harness's logs on an instance: swebench's layout, or one directory per instance."""
        home = self.layout.run(self.group_id, part_id) / "harness"
        if not harness_run_id or "/" in harness_run_id:
            return home / name
        models = home / harness_run_id / "logs" / "run_evaluation" / harness_run_id
        found = (model / name for model in models.glob("*") if (model / name).is_dir())
        return next(found, home / name)

    def _block(self, row: Row, record: Row, commit: str, messages: Sequence[Row] | None) -> str:
        """The context block that was sent: the one on disk with the recorded digest, or the one in the prompt."""
        if not record.get("context_chars"):
            return ""
        for path in self._contexts(row, commit):
            try:
                framed = block(str(self.files.record(path).get("text") or ""))
            except ArtifactError:
                continue
            if sha256(framed) == record.get("block_sha256"):
                return framed
        prompt = prompt_of(messages or [])
        start, end = prompt.find(BEGIN), prompt.find(END)
        return prompt[start : end + len(END)] if 0 <= start < end else ""

    def _contexts(self, row: Row, commit: str) -> Iterator[Path]:
        if not commit:
            return
        # a dataset's repository name may not be a valid file name
        home, condition = self.layout.contexts(visible(str(row["repo"])), commit), str(row["condition"])
        yield home / "context.json"
        for path in sorted(home.glob("*")):
            if path.name.startswith(f"{condition}-"):
                yield path if path.suffix == ".json" else path / f"{row['instance_id']}.json"


def part_of(row: Row) -> str:
    """The run or shard that made the attempt."""
    return str(row.get("part_id") or row["run_id"])


def _shown(
    attempt: AttemptDetail, blocks: Sequence[str], partings_at: Collection[int], limit: Limit
) -> dict[str, Any]:
    record = attempt.record
    steps = shorten(attempt.steps, limit.trajectory, partings_at)
    whole = sum(len(s.said) + len(s.commands) + len(s.observed) for s in attempt.steps)
    return {
        "status": record.get("status") or "",
        "exit_status": visible(str(record.get("exit_status") or "")),
        "error": _cut(str(record.get("error") or ""), limit.text),
        "reason": visible(attempt.reason),
        "patch": _cut(str(record.get("model_patch") or ""), limit.text),
        "failed": {kind: _listed(names, limit.text) for kind, names in attempt.failed.items() if names},
        "n_tests": {kind: [n, n + len(attempt.failed.get(kind, ()))] for kind, n in attempt.n_passed.items()},
        "log": _cut(attempt.log[-max(limit.text // 2, 1) :], limit.text),
        "context_chars": record.get("context_chars") or 0,
        "block": blocks.index(attempt.block) if attempt.block else None,
        "steps": steps,
        "n_steps": len(attempt.steps),
        "is_cut": whole > limit.trajectory,
        "has_trajectory": attempt.has_trajectory,
    }


def _listed(names: Sequence[str], n_chars: int) -> list[str]:
    n_listed = min(_LISTED_TESTS, max(n_chars // 60, 1))
    shown = [_cut(name, 300) for name in names[:n_listed]]
    return [*shown, f"and {len(names) - n_listed:,} more"] if len(names) > n_listed else shown


def _cut(text: str, n_chars: int) -> str:
    return visible(middle_cut(text, n_chars))


def _tests(files: Files, log_dir: Path, name: str) -> tuple[dict[str, list[str]], dict[str, int]]:
    """({kind: names of failed tests}, {kind: number of passed tests}) from the harness's report."""
    report = files.record(log_dir / "report.json").get(name) or {}
    status = report.get("tests_status") or {}
    kinds = {kind: status.get(kind) or {} for kind in _KINDS if kind in status}
    failed = {
        kind: [str(test) for test in sorted(found.get("failure") or [])] for kind, found in kinds.items()
    }
    return failed, {kind: len(found.get("success") or []) for kind, found in kinds.items()}


def _log(files: Files, log_dir: Path) -> str:
    """The end of the test output, or of the log if no test ran."""
    for name in ("test_output.txt", "apply.txt", "run_instance.log"):
        text = files.tail(log_dir / name, _TAIL_BYTES)
        if text is not None:
            return text.rpartition(_END_OF_TESTS)[0].rpartition("\n")[0] or text
    return ""
