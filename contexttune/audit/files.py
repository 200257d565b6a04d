"""results/audits/<name>: audit.csv (a row a context), audit.json, audit.md, recall.svg."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contexttune.audit import plot
from contexttune.audit.arms import Arm
from contexttune.audit.measure import Measured
from contexttune.audit.summary import SCHEMA_VERSION
from contexttune.audit.words import COLUMNS, cells, note
from contexttune.cell import Cell
from contexttune.config import slug
from contexttune.secret_values import masked
from contexttune.store import fingerprint, write_atomic, write_json


def write(
    cell: Cell, arms: Sequence[Arm], measured: Sequence[Measured], summary: Sequence[Mapping[str, Any]]
) -> Path:
    """Returns the directory."""
    settings = _settings(cell, arms)
    name = cell.config.audit.name or f"{slug(cell.config.slice.name)}-{fingerprint(settings, 6)}"
    home = cell.layout.audit(name)
    write_atomic(home / "audit.csv", _csv(measured))
    found = [_leak_row(one) | asdict(leak) for one in measured for leak in one.leaks]
    whole = {"schema_version": SCHEMA_VERSION, "settings": settings, "summary": list(summary), "leaks": found}
    write_json(home / "audit.json", whole)
    write_atomic(home / "audit.md", _markdown(summary, found))
    write_atomic(home / "recall.svg", plot.svg(summary))
    return home


def _settings(cell: Cell, arms: Sequence[Arm]) -> dict[str, Any]:
    return {
        "slice": cell.container["slice"],
        "budgets_chars": sorted(set(cell.config.audit.budgets_chars)),
        "conditions": {arm.condition: masked(arm.cell.container["condition"]) for arm in arms},
        "signal": cell.container["signal"],
    }


def _leak_row(one: Measured) -> dict[str, Any]:
    return {"condition": one.condition, "budget_chars": one.budget_chars, "instance_id": one.instance_id}


def _csv(measured: Sequence[Measured]) -> str:
    rows = []
    for one in measured:
        row = asdict(one) | {"n_leaks": sum(not leak.is_expected for leak in one.leaks)}
        rows.append({k: v for k, v in row.items() if k not in ("recall", "leaks")} | row["recall"])
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _markdown(summary: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        "# What the contexts know of the answer",
        "",
        note(),
        "",
        "![recall against budget](recall.svg)",
        "",
    ]
    for part in dict.fromkeys(row["part"] for row in summary):
        own = [row for row in summary if row["part"] == part]
        lines += [f"## {part}, instances: {own[0]['n_instances']}", ""]
        lines += [f"| {' | '.join(COLUMNS)} |", f"|{' --- |' * len(COLUMNS)}"]
        lines += [f"| {' | '.join(cells(row))} |" for row in own] + [""]
    lines += ["## Leaks", ""]
    lines += [
        f"- {leak['condition']}, {leak['budget_chars']} characters, {leak['instance_id']}, line {leak['line']}: "
        f"{leak['kind']} `{leak['what']}`{' (expected)' if leak['is_expected'] else ''}"
        for leak in found
    ] or ["None was found."]
    return "\n".join(lines) + "\n"
