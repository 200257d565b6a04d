"""Checks of rows, summary and tables against the records; of comparable arms; and for secrets in files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from contexttune.config.differences import differences, in_words
from contexttune.errors import ArtifactError
from contexttune.experiment.rows import COLUMNS, as_csv, kept_rows, recorded_rows
from contexttune.report import comparability, group
from contexttune.report.registered_analysis import Analysis
from contexttune.report.summary import page_of, summarize
from contexttune.system import redaction
from contexttune.system.files import read_json
from contexttune.tasks.check import Warn
from contexttune.tasks.verify.group_files import Records

_DIGITS = 9  # significant digits: the last of sixteen depend on the processor
_SHOWN = 3
_REMEDY = "task=report rebuilds it"
_CHUNK_BYTES = 1 << 20


def rows(records: Records) -> Iterator[str]:
    """rows.jsonl of each finished run matches its attempts and verdicts."""
    n = 0
    for run in records.runs:
        kept = kept_rows(records.layout, run)
        if run["status"] == "finished" and kept:
            n += len(kept)
            now = recorded_rows(records.layout, run)
            if len(now) == len(kept):  # an older version may have kept fewer columns
                now = [{key: row.get(key) for key in known} for row, known in zip(now, kept, strict=True)]
            what = f"rows.jsonl of run {run['run_id']}"
            _require_same(
                what, {"rows": kept}, {"rows": now}, "delete it and run task=report, which rebuilds it"
            )
    yield f"{n} rows match attempts and verdicts"


def summary(records: Records) -> Iterator[str]:
    """Recomputed from the records, summary.json, summary.md and instances.csv are the same."""
    home = records.layout.group(records.group_id)
    saved = read_json(home / "summary.json")
    if saved is None:
        raise ArtifactError(
            f"{home}/summary.json does not exist: run task=report group_id={records.group_id} to write it"
        )
    found = group.read(records.layout, records.group_id)
    made = summarize(records.layout, found, Analysis(**saved["analysis"]))
    _require_same(f"{home}/summary.json", _rounded(saved), _rounded(made), _REMEDY)
    for name, text in (("instances.csv", as_csv(found.rows, COLUMNS)), ("summary.md", page_of(made))):
        if (home / name).read_text(encoding="utf-8") != text:
            raise ArtifactError(f"{home / name} does not match its records: {_REMEDY}")
    yield "summary.json, summary.md and instances.csv match their records"


def _require_same(what: str, saved: dict[str, Any], made: dict[str, Any], remedy: str) -> None:
    found = differences(saved, made)
    if found:
        shown = "; ".join(map(in_words, found[:_SHOWN]))
        more = f"; and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise ArtifactError(f"{what} does not match its records ({shown}{more}): {remedy}")


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_rounded(inner) for inner in value]
    return float(f"{value:.{_DIGITS}g}") if isinstance(value, float) else value


def arms(records: Records) -> Iterator[str]:
    """Runs differ only in condition and seed."""
    found = comparability.group_differences(records.runs)
    for difference in found:
        yield Warn(f"runs differ in {in_words(difference)}")
    if not found:
        yield f"{len(records.runs)} runs differ only in condition and seed"


def secrets(records: Records) -> Iterator[str]:
    """No file of the group contains the value of an environment variable that is named like a key."""
    values = {name: value.encode() for name, value in redaction.environment_secrets().items()}
    homes = (
        records.layout.group(records.group_id),
        records.layout.predictions(records.group_id, "-").parent.parent,
        *records.more,
    )
    n = 0
    for path in (path for home in homes for path in sorted(home.rglob("*")) if path.is_file()):
        n += 1
        for name in _secrets_in(path, values):
            raise ArtifactError(f"{path} contains the value of {name}: delete it there, and revoke the key")
    yield f"{n} files contain none of the {len(values)} keys of this environment"


def _secrets_in(path: Path, values: dict[str, bytes]) -> Iterator[str]:
    overlap, before = max(map(len, values.values()), default=1) - 1, b""
    with path.open("rb") as source:
        while values and (chunk := source.read(_CHUNK_BYTES)):
            text = before + chunk
            yield from (name for name, value in values.items() if value in text)
            before = text[-overlap:] if overlap else b""
