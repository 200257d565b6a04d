"""Writes results/audits/<name>: audit.csv (a row per context), audit.json, audit.md, recall.svg."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from contexttune.experiment.cell import Cell
from contexttune.experiment.rows import as_csv
from contexttune.paths import slug
from contexttune.report.templates import render
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
    write_atomic(home / "audit.csv", as_csv([_row(one) for one in result.measured]))
    leaks = [
        {key: getattr(one, key) for key in ("condition", "budget_chars", "instance_id")} | asdict(leak)
        for one in result.measured
        for leak in one.leaks
    ]
    report = {
        "schema_version": SCHEMA_VERSION,
        "settings": settings,
        "summary": list(result.summary),
        "differences": list(result.differences),
        "held_out": asdict(result.held_out) if result.held_out else None,
        "leaks": leaks,
    }
    write_json(home / "audit.json", report)
    parts = {part: list(rows) for part, rows in groupby(result.summary, key=itemgetter("part"))}
    page = render("tasks/audit/audit.md.jinja", result=result, parts=parts, leaks=leaks, columns=columns)
    write_atomic(home / "audit.md", page)
    write_atomic(home / "recall.svg", plot.svg(result.summary))


def _row(one: Measurement) -> dict[str, Any]:
    row = asdict(one) | {"n_leaks": sum(not leak.is_expected for leak in one.leaks)}
    shares: dict[str, Any] = row.pop("recall")
    del row["leaks"]
    return row | shares
