"""Console tables of a group or a comparison."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from contexttune.paths import Layout
from contexttune.report import table_rows
from contexttune.system.progress import console, plain_table

if TYPE_CHECKING:
    from pathlib import Path

    from contexttune.report.comparison import Comparison

# a group with more instances or runs shows totals only; report.html shows each outcome
_MAX_ROWS, _MAX_COLUMNS = 20, 4
_CONDITION = (
    "Condition",
    "Runs",
    "Resolved",
    "Rate",
    "Empty",
    "Error",
    "Missing",
    "Tokens in",
    "Tokens out",
    "USD",
)
_CONTRAST = ("Treatment", "Difference", "95 % interval", "MDE", "p", "Tokens in", "USD", "Verdict")
_NAMES = {"Treatment", "Control", "Reason"}  # may take several lines


def show(layout: Layout, summary: Mapping[str, Any]) -> None:
    """Print a group's tables, verdicts and caveats, and the path of summary.json."""
    home = layout.group(summary["group_id"])
    if 0 < summary["n_instances"] <= _MAX_ROWS and len(summary["runs"]) <= _MAX_COLUMNS:
        with (home / "instances.csv").open(newline="", encoding="utf-8") as source:
            _print_table(
                "outcomes", _outcome_rows(list(csv.DictReader(source)), summary["analysis"]["control"])
            )
    _print_table(f"group {summary['group_id']}", table_rows.condition_rows(summary), _CONDITION)
    title = f"against {summary['analysis']['control']}: {table_rows.CONTRAST_NOTE}"
    _print_table(title, table_rows.contrast_rows(summary["contrasts"]), _CONTRAST)
    _print_table("unfinished cells", table_rows.cell_rows(summary))
    answers = [contrast["sentence"] for contrast in summary["contrasts"]]
    _print_lines([*answers, *table_rows.caveats(summary), f"summary: {home / 'summary.json'}"])


def show_comparison(comparison: Comparison, path: Path) -> None:
    """Print a comparison, marked as forced where it is, and the path of its page."""
    forced = "FORCED, the groups differ in more than the condition" if comparison.differing else ""
    contrasts = [asdict(contrast) for contrast in comparison.contrasts]
    rows = table_rows.contrast_rows(contrasts)
    _print_table(forced or table_rows.CONTRAST_NOTE, rows, ("Treatment", "Control", *_CONTRAST[1:]))
    # between seeds of one group the noise floor matters, not which seed came out higher
    answers = [contrast["sentence"] for contrast in contrasts] if len(comparison.groups) > 1 else []
    differing = [f"{forced}:", *(f"  {words}" for words in comparison.differing)] if forced else []
    _print_lines([*answers, *comparison.remarks, *differing, f"comparison: {path}"])


def _print_table(
    title: str, rows: Sequence[table_rows.TextRow], headings: Iterable[str] | None = None
) -> None:
    """Print the columns named by `headings`, or all, without empty ones."""
    if not rows:
        return
    rows = table_rows.without_empty_columns(rows)
    chosen = [name for name in headings or rows[0] if name in rows[0]]
    table = plain_table(title)
    for name in chosen:
        is_text = name in (chosen[0], "State", "Reason")
        no_wrap = name not in _NAMES and (is_text or name == "Resolved")
        table.add_column(
            escape(name), justify="left" if is_text else "right", overflow="fold", no_wrap=no_wrap
        )
    for row in rows:
        table.add_row(*(escape(row[name]) for name in chosen))
    console().print(table)


def _print_lines(lines: Iterable[str]) -> None:
    for line in lines:
        console().print(line, highlight=False, soft_wrap=True, markup=False)


def _outcome_rows(rows: list[dict[str, str]], control: str) -> list[table_rows.TextRow]:
    """Instances x runs, the runs of the control first."""
    runs = sorted({(row["condition"] != control, row["condition"], int(row["seed"])) for row in rows})
    outcomes = {(row["instance_id"], row["condition"], int(row["seed"])): row["outcome"] for row in rows}
    return [
        {"Instance": name}
        | {f"{condition} s{seed}": outcomes.get((name, condition, seed), "") for _, condition, seed in runs}
        for name in sorted({row["instance_id"] for row in rows})
    ]
