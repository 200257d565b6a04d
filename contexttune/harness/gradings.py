"""Verdicts on predictions, and the file that stores them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contexttune.errors import ConfigError
from contexttune.instances.row_checks import HARNESS
from contexttune.system.files import fingerprint, read_json, read_jsonl, write_json
from contexttune.types import GoldInstance, Outcome

OUTCOMES = "outcomes.json"
EVAL_TYPES = frozenset(("pass_and_fail", "fail_only"))  # swebench's
_IMAGE = re.compile(
    r"(?:[\w.-]+(?::\d+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?",
    re.ASCII,
)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """An outcome, its reason, and the harness run that it comes from."""

    outcome: Outcome
    reason: str | None = None
    harness_run_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"outcome": str(self.outcome), "reason": self.reason, "harness_run_id": self.harness_run_id}


EMPTY = Verdict(outcome=Outcome.EMPTY_PATCH)


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A patch to be graded, with its instance."""

    instance: GoldInstance
    model_name_or_path: str
    model_patch: str  # may be empty

    @property
    def is_empty(self) -> bool:
        return not self.model_patch.strip()

    def row(self) -> dict[str, str]:
        """The row that the harness reads."""
        return {
            "instance_id": self.instance.instance_id,
            "model_name_or_path": self.model_name_or_path,
            "model_patch": self.model_patch,
        }


def require_gradable(instances: Sequence[GoldInstance], *, in_images: bool) -> None:
    """Raise ConfigError for rows that the harness would fail on, which loses the verdicts of all rows."""
    missing = [column for column in HARNESS if any(column not in instance.row for instance in instances)]
    if missing:
        raise ConfigError(
            f"slice.dataset lacks the columns {', '.join(missing)} that swebench 5.0.2 reads: use "
            "SWE-bench/SWE-bench_Verified, or rows made for swebench 5; harness=none needs none of them"
        )
    known = {"log_parser": log_parsers(), "eval_type": EVAL_TYPES}
    problems = [
        f"{instance.instance_id}: {problem}"
        for instance in instances
        for problem in _problems(instance, known, in_images=in_images)
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise ConfigError(
            f"slice.dataset has rows that swebench 5.0.2 cannot grade ({'; '.join(problems[:3])}{more}): correct them, "
            "or leave them out with slice.filter or slice.instance_ids"
        )


@cache
def log_parsers() -> frozenset[str]:
    """Names of swebench's log parsers, read from its source: importing it takes seconds."""
    package = find_spec("swebench")
    assert package is not None
    assert package.origin is not None
    source = Path(package.origin).parent / "harness" / "log_parsers" / "__init__.py"
    registry = source.read_text(encoding="utf-8").partition("PARSER_REGISTRY = {")[2].partition("}")[0]
    return frozenset(re.findall(r'"(\w+)":', registry))


def _problems(
    instance: GoldInstance, known: Mapping[str, Collection[str]], *, in_images: bool
) -> Iterator[str]:
    row = instance.row
    for column in ("FAIL_TO_PASS", "PASS_TO_PASS"):
        if not _is_list_of_tests(row[column]):
            yield f"{column} is neither a list of test ids nor JSON of one"
    for column, names in known.items():
        if row[column] not in names:
            yield f"there is no {column} {row[column]!r}"
    if not isinstance(row["eval_script"], str) or not row["eval_script"].strip():
        yield "eval_script is empty"
    if in_images and not _IMAGE.fullmatch(instance.image):
        yield f"image={instance.image!r} is not the name of an image"


def _is_list_of_tests(value: Any) -> bool:
    """Whether swebench reads a list of test ids in a column."""
    try:
        tests = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return False
    return isinstance(tests, list) and all(isinstance(test, str) for test in tests)


def read_predictions(path: Path, instances: Sequence[GoldInstance]) -> dict[str, Prediction]:
    """instance_id -> prediction, for `instances`. The last line of an instance counts."""
    wanted = {instance.instance_id: instance for instance in instances}
    return {
        row["instance_id"]: Prediction(
            instance=wanted[row["instance_id"]],
            model_name_or_path=row.get("model_name_or_path") or "unnamed",
            model_patch=row.get("model_patch") or "",
        )
        for row in read_jsonl(path)
        if row["instance_id"] in wanted
    }


def task_fingerprint(row: Mapping[str, Any]) -> str:
    """Hash of a dataset row: a verdict is only valid for the same version of the task."""
    return fingerprint(dict(row), n_chars=64)


def write_outcomes(out_dir: Path, entries: Mapping[str, Mapping[str, Any]]) -> None:
    """Write outcomes.json: {instance_id: {"outcome", "reason", "harness_run_id", ...}}."""
    write_json(out_dir / OUTCOMES, {name: dict(entry) for name, entry in entries.items()})


def read_outcomes(out_dir: Path) -> dict[str, dict[str, Any]]:
    """Read outcomes.json; {} if it is missing or damaged."""
    try:
        return dict(read_json(out_dir / OUTCOMES) or {})
    except ValueError:
        return {}
