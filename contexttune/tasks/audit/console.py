"""Prints an audit on the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from contexttune.system.progress import console, plain_table
from contexttune.tasks.audit import columns
from contexttune.tasks.audit.means import ALL, HARD

if TYPE_CHECKING:
    from rich.table import Table

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
    out = console()
    for part in [ALL, *([] if brief else others)]:
        out.print(_table([row for row in result.summary if row["part"] == part]))
        paired = [row for row in result.differences if row["part"] == part == ALL]
        for condition in dict.fromkeys(row["condition"] for row in paired):
            out.print(_difference([row for row in paired if row["condition"] == condition]))
    differences = [columns.difference_note(row["reference"]) for row in result.differences[:1]]
    held_out = [columns.held_out_note(result.held_out)] if result.held_out and result.is_held_out else []
    notes = [] if brief else [columns.note(), *differences, *held_out]
    for line in (*notes, f"audit: {home / 'audit.md'}"):
        out.print(line, highlight=False, soft_wrap=True, markup=False)


def _difference(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = plain_table(columns.difference_cells(rows[0])[0])
    for name in columns.DIFFERENCES[1:]:
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        shown.add_row(*map(escape, columns.difference_cells(row)[1:]))
    return shown


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = plain_table(f"{rows[0]['part']}, instances: {rows[0]['n_instances']}")
    hidden = {*_HIDDEN, *(() if any(row["n_leaking"] for row in rows) else ("leaking",))}
    shown_columns = [n for n, name in enumerate(columns.COLUMNS) if name not in hidden]
    for n in shown_columns:
        shown.add_column(
            columns.COLUMNS[n], justify="left" if n == 0 else "right", overflow="fold", no_wrap=n > 0
        )
    for row in rows:
        own = columns.cells(row)
        shown.add_row(*(escape(own[n]) for n in shown_columns))
    return shown
