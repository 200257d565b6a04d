"""An audit on the console."""

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

    from contexttune.tasks.audit.write import Findings

# a terminal is less wide; audit.md has all
_LEFT_OUT = ("macro", "written out", "any", "named", "chars", "build s")


def show(found: Findings, home: Path, *, brief: bool = False) -> None:
    """Print all instances, how conditions differ on them, each hard kind, each repository where there are several, what words mean.

    `brief`: as one of many audits, the first two alone.
    """
    known = list(dict.fromkeys(row["part"] for row in found.summary))
    repos = [part for part in known if "/" in part]
    others = [*(part for part in HARD if part in known), *(repos if len(repos) > 1 else [])]
    out = console()
    for part in [ALL, *([] if brief else others)]:
        out.print(_table([row for row in found.summary if row["part"] == part]))
        paired = [row for row in found.differences if row["part"] == part == ALL]
        for condition in dict.fromkeys(row["condition"] for row in paired):
            out.print(_difference([row for row in paired if row["condition"] == condition]))
    differences = [columns.difference_note(row["reference"]) for row in found.differences[:1]]
    looks = [columns.looks_note(found.looks)] if found.looks and found.is_held_out else []
    notes = [] if brief else [columns.note(), *differences, *looks]
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
    left_out = {*_LEFT_OUT, *(() if any(row["n_leaking"] for row in rows) else ("leaking",))}
    shown_columns = [n for n, name in enumerate(columns.COLUMNS) if name not in left_out]
    for n in shown_columns:
        shown.add_column(
            columns.COLUMNS[n], justify="left" if n == 0 else "right", overflow="fold", no_wrap=n > 0
        )
    for row in rows:
        own = columns.cells(row)
        shown.add_row(*(escape(own[n]) for n in shown_columns))
    return shown
