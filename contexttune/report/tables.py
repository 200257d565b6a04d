"""The closing tables of a group on the console."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from contexttune.paths import Layout
from contexttune.progress import console

if TYPE_CHECKING:
    from rich.table import Table

_LISTED = 20  # groups of more instances show their totals only


def show(layout: Layout, summary: Mapping[str, Any]) -> None:
    """Print a group's tables, what they are worth, and where the files are."""
    from rich.table import Table

    home = layout.group(summary["group_id"])
    out = console()
    if 0 < summary["n_instances"] <= _LISTED:
        with (home / "instances.csv").open(newline="", encoding="utf-8") as source:
            out.print(_outcomes(Table, list(csv.DictReader(source))))
    if summary["conditions"]:
        out.print(_conditions(Table, summary))
    states = Counter(cell["state"] for cell in summary["cells"])
    if states.keys() != {"finished"}:
        out.print(_cells(Table, summary["cells"]))
        counted = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        out.print(f"cells: {counted}; the same command goes on with what is not finished", highlight=False)
    for line in _remarks(summary):
        out.print(line, highlight=False, soft_wrap=True, markup=False)
    out.print(f"summary: {home / 'summary.json'}", highlight=False, soft_wrap=True, markup=False)


def _plain(table: type[Table], title: str) -> Table:
    from rich import box

    shown = table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    shown.pad_edge, shown.collapse_padding = False, True
    return shown


def _outcomes(table: type[Table], rows: list[dict[str, str]]) -> Table:
    """Instances x runs."""
    runs = sorted({(row["condition"] != "no_context", row["condition"], int(row["seed"])) for row in rows})
    shown = _plain(table, "outcomes")
    shown.add_column("instance", no_wrap=True)
    for _, condition, seed in runs:
        shown.add_column(f"{escape(condition)} s{seed}")
    cells = {(row["instance_id"], row["condition"], int(row["seed"])): row["outcome"] for row in rows}
    for name in sorted({row["instance_id"] for row in rows}):
        shown.add_row(escape(name), *(cells.get((name, condition, seed), "") for _, condition, seed in runs))
    return shown


def _conditions(table: type[Table], summary: Mapping[str, Any]) -> Table:
    shown = _plain(table, f"group {escape(summary['group_id'])}")
    priced = any(arm["cost_usd"] is not None for arm in summary["conditions"].values())
    shown.add_column("condition", no_wrap=True)
    for name in (
        "runs",
        "resolved",
        "rate",
        "empty",
        "error",
        "missing",
        "tokens in",
        "tokens out",
        *(["USD"] if priced else []),
    ):
        shown.add_column(name, justify="right")
    for name, arm in sorted(
        summary["conditions"].items(), key=lambda item: (item[0] != "no_context", item[0])
    ):
        kinds = arm["outcomes"]
        shown.add_row(
            *(escape(name), str(arm["runs"]), f"{arm['resolved']}/{arm['total']}"),
            "-" if arm["rate"] is None else f"{arm['rate']:.0%}",
            *(str(kinds["empty_patch"]), str(kinds["error"]), str(kinds["infra_error"] + kinds["missing"])),
            *("-" if arm[k] is None else f"{arm[k]:,}" for k in ("prompt_tokens", "completion_tokens")),
            *(["-" if arm["cost_usd"] is None else f"{arm['cost_usd']:,.2f}"] if priced else []),
        )
    return shown


def _cells(table: type[Table], cells: Sequence[Mapping[str, Any]]) -> Table:
    shown = _plain(table, "cells")
    shown.add_column("run", no_wrap=True)
    shown.add_column("state", no_wrap=True)
    shown.add_column("why", overflow="fold")
    for cell in cells:
        shown.add_row(escape(cell["run_id"]), cell["state"], escape(cell["reason"]))
    return shown


def _remarks(summary: Mapping[str, Any]) -> list[str]:
    lines = []
    delta = summary.get("delta")
    if delta and delta["n_pairs"]:
        lines.append(
            f"{delta['treatment']} against {delta['control']}, {delta['n_pairs']} pairs: {delta['n_better']} better, "
            f"{delta['n_worse']} worse, {delta['difference']:+.1%} on average. Few pairs prove nothing."
        )
    if not summary["official"]:
        lines.append(
            f"unofficial: graded by harness={summary['harness']}, not by the unchanged SWE-bench harness."
        )
    if summary["scripted"]:
        lines.append(
            "The model is scripted: its answers were written beforehand, and the result is no evidence."
        )
    if summary.get("replay"):
        lines.append("A replay: the model's answers are those of an earlier run, and no endpoint was asked.")
    return lines
