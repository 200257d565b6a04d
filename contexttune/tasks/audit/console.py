"""Prints an audit on the console."""

from __future__ import annotations

from pathlib import Path

from contexttune.report.tables import print_lines, print_table
from contexttune.tasks.audit import columns
from contexttune.tasks.audit.means import ALL, HARD
from contexttune.tasks.audit.write import AuditResult

# for the width of a terminal; audit.md has all columns
_HIDDEN = ("macro", "written out", "any", "named", "chars", "build s")


def show(result: AuditResult, home: Path, *, brief: bool = False) -> None:
    """Print tables of all instances, differences, hard instances and repositories, with notes.

    `brief`, for one of many audits, prints only the first two.
    """
    parts = list(dict.fromkeys(row["part"] for row in result.summary))
    repos = [part for part in parts if "/" in part]
    others = [*(part for part in HARD if part in parts), *(repos if len(repos) > 1 else [])]
    _show_part(result, ALL)
    _show_differences(result)
    for part in () if brief else others:
        _show_part(result, part)
    differences = [columns.difference_note(row["reference"]) for row in result.differences[:1]]
    held_out = [columns.held_out_note(result.held_out)] if result.held_out and result.is_held_out else []
    notes = [] if brief else [columns.note(), *differences, *held_out]
    print_lines([*notes, f"audit: {home / 'audit.md'}"])


def _show_part(result: AuditResult, part: str) -> None:
    rows = [row for row in result.summary if row["part"] == part]
    hidden = _HIDDEN if any(row["n_leaking"] for row in rows) else (*_HIDDEN, "leaking")
    first, *others = columns.COLUMNS
    shown = [dict(zip(columns.COLUMNS, columns.cells(row), strict=True)) for row in rows]
    title = f"{part}, instances: {rows[0]['n_instances']}"
    print_table(title, shown, text=[first], whole=others, hidden=hidden)


def _show_differences(result: AuditResult) -> None:
    """One table per condition, with its name as the title."""
    first, *others = columns.DIFFERENCES
    tables: dict[str, list[dict[str, str]]] = {}
    for row in result.differences:
        if row["part"] == ALL:
            cells = dict(zip(columns.DIFFERENCES, columns.difference_cells(row), strict=True))
            tables.setdefault(cells.pop(first), []).append(cells)
    for title, rows in tables.items():
        print_table(title, rows, text=(), whole=others)
