"""An audit on the console."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from contexttune.audit.summary import ALL
from contexttune.audit.words import COLUMNS, cells, note
from contexttune.progress import console, plain_table

if TYPE_CHECKING:
    from rich.table import Table

_LEFT_OUT = (
    "macro",
    "written out",
    "any",
    "named",
    "chars",
    "build s",
)  # a terminal is less wide; audit.md has all


def show(summary: Sequence[Mapping[str, Any]], home: Path) -> None:
    """Print all instances, and each repository where there are several; the other parts are in audit.md."""
    repos = [part for part in dict.fromkeys(row["part"] for row in summary) if "/" in part]
    out = console()
    for part in [ALL, *(repos if len(repos) > 1 else [])]:
        out.print(_table([row for row in summary if row["part"] == part]))
    for line in (note(), f"audit: {home / 'audit.md'}"):
        out.print(line, highlight=False, soft_wrap=True, markup=False)


def _table(rows: Sequence[Mapping[str, Any]]) -> Table:
    shown = plain_table(f"{rows[0]['part']}, instances: {rows[0]['n_instances']}")
    left_out = {*_LEFT_OUT, *(() if any(row["n_leaking"] for row in rows) else ("leaking",))}
    columns = [n for n, name in enumerate(COLUMNS) if name not in left_out]
    for n in columns:
        shown.add_column(COLUMNS[n], justify="left" if n == 0 else "right", overflow="fold", no_wrap=n > 0)
    for row in rows:
        own = cells(row)
        shown.add_row(*(escape(own[n]) for n in columns))
    return shown
