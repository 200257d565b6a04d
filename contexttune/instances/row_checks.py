"""The columns of a dataset row, their checks, and the row as an instance."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any

from contexttune.errors import ConfigError
from contexttune.types import GoldInstance

OURS = ("instance_id", "repo", "base_commit", "problem_statement", "patch", "test_patch")
HARNESS = ("version", "FAIL_TO_PASS", "PASS_TO_PASS", "image", "eval_script", "log_parser", "eval_type")
"""Columns that swebench 5.0.2 reads; datasets made for older harnesses lack the last four."""

SHAPES = {
    "instance_id": r"\w[\w.-]*",
    "repo": r"\w[\w.-]*/\w[\w.-]*",
    "base_commit": r"[0-9a-f]{40}",
}
"""Patterns of columns that become paths and arguments of git."""
_NAME_BYTES = 200  # a file name may have 255, and prefixes and suffixes are added to an id
_RESERVED = ("preds.jsonl", "outcomes.json")  # names of files beside the directories of instances


def checked(rows: list[dict[str, Any]], location: str) -> list[dict[str, Any]]:
    """The rows, whose ids are checked. Raises ConfigError for malformed and duplicate ones."""
    where = f"slice.dataset={location}"
    if not rows:
        raise ConfigError(f"{where} has no rows")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise ConfigError(f"{where}: row {number} must be an object with columns")
        if not isinstance(row.get("instance_id"), str):
            raise ConfigError(
                f"{where}: instance_id of row {number} must be text, got {row.get('instance_id')!r}"
            )
    refuse_duplicates((row["instance_id"] for row in rows), where)
    return rows


def _require_form(row: Mapping[str, Any], where: str) -> None:
    missing = [column for column in OURS if column not in row]
    if missing:
        raise ConfigError(f"{where}: {row['instance_id']} lacks the columns {', '.join(missing)}")
    if str(row.get("image")).startswith("-"):
        raise ConfigError(f"{where}: image={row['image']!a} is an option of container engines and no image")
    for column in OURS:
        value = row[column]
        if value is None and column == "test_patch":  # only task=audit reads it
            continue
        if not isinstance(value, str):
            raise ConfigError(f"{where}: {column} of {row['instance_id']!r} must be text, got {value!r}")
        pattern = SHAPES.get(column, r"(?s:.*)")
        fits = column not in SHAPES or len(os.fsencode(value)) <= _NAME_BYTES
        if value in _RESERVED or not fits or not re.fullmatch(pattern, value):
            shown = value if fits else f"{value[:40]}..."
            raise ConfigError(
                f"{where}: {column}={shown!r} must match {pattern} and have at most {_NAME_BYTES} bytes"
            )


def instance_of(row: Mapping[str, Any], location: str) -> GoldInstance:
    """A row as an instance. Raises ConfigError for a column that is missing, malformed or cannot be written as JSON.

    What only a harness or a container needs may be missing: contexts can be built without it.
    """
    _require_form(row, f"slice.dataset={location}")
    return GoldInstance(
        instance_id=row["instance_id"],
        repo=row["repo"],
        base_commit=row["base_commit"],
        problem_statement=row["problem_statement"],
        version=str(row.get("version", "")),
        image=str(row.get("image") or ""),
        patch=row["patch"],
        test_patch=row["test_patch"] or "",
        row=_as_json(row),
    )


def _as_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row as it is written to the harness's file."""
    plain = {column: as_json_value(value) for column, value in row.items()}
    try:
        json.dumps(plain, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"slice.dataset: a column of {row['instance_id']} cannot be written as JSON ({error}): leave it out"
        ) from None
    return plain


def as_json_value(value: Any) -> Any:
    """A table's value in a type of JSON: NaN becomes null, a date becomes text."""
    value = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(value, Mapping):
        return {str(key): as_json_value(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_json_value(each) for each in value]
    if isinstance(value, float) and not isfinite(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value


def refuse_duplicates(ids: Iterable[str], where: str) -> None:
    """Raise ConfigError when an id occurs twice."""
    twice = sorted(name for name, count in Counter(ids).items() if count > 1)
    if twice:
        raise ConfigError(f"{where}: {first_names(twice)} more than once")


def first_names(names: Sequence[str]) -> str:
    """Three names, and the number of the others."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
