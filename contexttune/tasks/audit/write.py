"""Writes results/audits/<name>: audit.csv (a row per context), audit.json, audit.md, recall.svg."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from contexttune.experiment.cell import Cell
from contexttune.paths import slug
from contexttune.system.files import fingerprint, write_atomic, write_json
from contexttune.system.redaction import masked
from contexttune.tasks.audit import columns, plot
from contexttune.tasks.audit.conditions import Arm
from contexttune.tasks.audit.held_out import HeldOutUse
from contexttune.tasks.audit.means import SCHEMA_VERSION
from contexttune.tasks.audit.measure import Measurement


@dataclass(frozen=True, kw_only=True)
class AuditResult:
    """Measurements of an audit, with their summary and differences."""

    measured: Sequence[Measurement]
    summary: Sequence[Mapping[str, Any]]
    differences: Sequence[Mapping[str, Any]]
    held_out: HeldOutUse | None  # None when no instance is held out
    is_held_out: bool  # whether all instances are


def audit_dir(cell: Cell, arms: Sequence[Arm], *, in_sweep: bool) -> Path:
    """The directory of an audit: `audit.name`, or a digest of its settings. Jobs of a sweep have one each below a shared name."""
    digest = fingerprint(settings_of(cell, arms), 6)
    name = cell.config.audit.name
    if name is None:
        return cell.layout.audit(f"{slug(cell.config.slice.name)}-{digest}")
    return cell.layout.audit(name) / digest if in_sweep else cell.layout.audit(name)


def settings_of(cell: Cell, arms: Sequence[Arm]) -> dict[str, Any]:
    """The settings that identify an audit."""
    keys = cell.config.audit
    split = {} if keys.split == "all" else {"split": keys.split, "development_repos": keys.development_repos}
    return split | {
        "slice": cell.container["slice"],
        "budgets_chars": sorted(set(keys.budgets_chars)),
        "conditions": {arm.condition: masked(arm.cell.container["condition"]) for arm in arms},
        "signal": cell.container["signal"],
    }


def write(home: Path, settings: Mapping[str, Any], result: AuditResult) -> None:
    """Write all four files."""
    write_atomic(home / "audit.csv", _csv(result.measured))
    leaks = [_leak_row(one) | asdict(leak) for one in result.measured for leak in one.leaks]
    report = {
        "schema_version": SCHEMA_VERSION,
        "settings": settings,
        "summary": list(result.summary),
        "differences": list(result.differences),
        "held_out": asdict(result.held_out) if result.held_out else None,
        "leaks": leaks,
    }
    write_json(home / "audit.json", report)
    write_atomic(home / "audit.md", "\n".join(_markdown(result, leaks)) + "\n")
    write_atomic(home / "recall.svg", plot.svg(result.summary))


def _leak_row(one: Measurement) -> dict[str, Any]:
    return {"condition": one.condition, "budget_chars": one.budget_chars, "instance_id": one.instance_id}


def _csv(measured: Sequence[Measurement]) -> str:
    rows = []
    for one in measured:
        row = asdict(one) | {"n_leaks": sum(not leak.is_expected for leak in one.leaks)}
        rows.append({k: v for k, v in row.items() if k not in ("recall", "leaks")} | row["recall"])
    return csv_text(rows)


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows with the same keys as CSV, with a header."""
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _markdown(result: AuditResult, leaks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from ("# Gold files and symbols in the contexts", "", columns.note(), "")
    if result.differences:
        yield from (columns.difference_note(result.differences[0]["reference"]), "")
    if result.held_out and result.is_held_out:
        yield from (columns.held_out_note(result.held_out), "")
    yield from ("![recall against budget](recall.svg)", "")
    for part in dict.fromkeys(row["part"] for row in result.summary):
        own = [row for row in result.summary if row["part"] == part]
        yield from (f"## {part}, instances: {own[0]['n_instances']}", "")
        yield from _table(columns.COLUMNS, [columns.cells(row) for row in own])
        if paired := [row for row in result.differences if row["part"] == part]:
            yield from _table(columns.DIFFERENCES, [columns.difference_cells(row) for row in paired])
    yield from ("## Leaks", "")
    for leak in leaks:
        yield (
            f"- {leak['condition']}, {leak['budget_chars']} characters, {leak['instance_id']}, line {leak['line']}: "
            f"{leak['kind']} `{leak['what']}`{' (expected)' if leak['is_expected'] else ''}"
        )
    if not leaks:
        yield "None found."


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield from (f"| {' | '.join(row)} |" for row in (columns, ["---"] * len(columns), *rows))
    yield ""
