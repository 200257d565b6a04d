"""Console tables: of a group, of a comparison, and of any rows."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from rich.markup import escape

from contexttune.paths import Layout
from contexttune.report import table_rows
from contexttune.report.comparison import Comparison
from contexttune.report.table_rows import CONTRAST_NOTE, TextRow, without_empty_columns
from contexttune.system.progress import console, plain_table

# a group with more instances or runs shows totals only; report.html shows each outcome
_MAX_ROWS, _MAX_COLUMNS = 20, 4


def show(layout: Layout, summary: Mapping[str, Any]) -> None:
    """Print a group's tables, verdicts and caveats, and the path of summary.json."""
    home, control = layout.group(summary["group_id"]), summary["analysis"]["control"]
    if 0 < summary["n_instances"] <= _MAX_ROWS and len(summary["runs"]) <= _MAX_COLUMNS:
        with (home / "instances.csv").open(newline="", encoding="utf-8") as source:
            _print("outcomes", _outcome_rows(list(csv.DictReader(source)), control))
    conditions = without_empty_columns(table_rows.condition_rows(summary))
    hidden = ("95 % interval", "Unresolved", "At a limit", "Calls")
    _print(f"group {summary['group_id']}", conditions, hidden=hidden)
    contrasts = without_empty_columns(table_rows.contrast_rows(summary["contrasts"]))
    _print(f"against {control}: {CONTRAST_NOTE}", contrasts, hidden=("Control", "Instances", "Seeds"))
    _print("unfinished cells", table_rows.cell_rows(summary))
    answers = [contrast["sentence"] for contrast in summary["contrasts"]]
    print_lines([*answers, *table_rows.caveats(summary), f"summary: {home / 'summary.json'}"])


def show_comparison(comparison: Comparison, path: Path) -> None:
    """Print a comparison, marked as forced where it is, and the path of its page."""
    forced = "FORCED, the groups differ in more than the condition" if comparison.differing else ""
    contrasts = [asdict(contrast) for contrast in comparison.contrasts]
    rows = without_empty_columns(table_rows.contrast_rows(contrasts))
    _print(forced or CONTRAST_NOTE, rows, hidden=("Instances", "Seeds"))
    # between seeds of one group the noise floor matters, not which seed came out higher
    answers = [contrast["sentence"] for contrast in contrasts] if len(comparison.groups) > 1 else []
    differing = [f"{forced}:", *(f"  {words}" for words in comparison.differing)] if forced else []
    print_lines([*answers, *comparison.remarks, *differing, f"comparison: {path}"])


def print_table(
    title: str,
    rows: Sequence[TextRow],
    *,
    text: Collection[str],
    whole: Collection[str] = (),
    hidden: Collection[str] = (),
) -> None:
    """Print rows, if there are any.

    Columns in `text` are aligned to the left, others to the right; those in `whole` never take several lines.
    """
    if not rows:
        return
    table = plain_table(title)
    names = [name for name in rows[0] if name not in hidden]
    for name in names:
        table.add_column(
            escape(name),
            justify="left" if name in text else "right",
            overflow="fold",
            no_wrap=name in whole,
        )
    for row in rows:
        table.add_row(*(escape(row[name]) for name in names))
    console().print(table)


def print_lines(lines: Iterable[str]) -> None:
    """Print sentences literally, each on one line."""
    for line in lines:
        console().print(line, highlight=False, soft_wrap=True, markup=False)


_print = partial(
    print_table,
    text=("Instance", "Condition", "Treatment", "Run", "State", "Reason"),
    whole=("Instance", "Condition", "Resolved", "Run", "State"),
)


def _outcome_rows(rows: list[dict[str, str]], control: str) -> list[TextRow]:
    """Instances x runs, the runs of the control first."""
    runs = sorted({(row["condition"] != control, row["condition"], int(row["seed"])) for row in rows})
    outcomes = {(row["instance_id"], row["condition"], int(row["seed"])): row["outcome"] for row in rows}
    return [
        {"Instance": name}
        | {f"{condition} s{seed}": outcomes.get((name, condition, seed), "") for _, condition, seed in runs}
        for name in sorted({row["instance_id"] for row in rows})
    ]
