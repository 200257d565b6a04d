"""The closing tables of a group on the console."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from contexttune.analysis.number_format import chance, effect, interval, points, times
from contexttune.instances import health_records
from contexttune.paths import Layout
from contexttune.system.progress import console, plain_table

if TYPE_CHECKING:
    from pathlib import Path

    from rich.table import Table

    from contexttune.report.comparison import Comparison

# groups of more instances or runs show their totals only; report.html has the others
_LISTED, _COLUMNS = 20, 4


def show(layout: Layout, summary: Mapping[str, Any]) -> None:
    """Print a group's tables, what they are worth, and where the files are."""
    home = layout.group(summary["group_id"])
    out = console()
    if 0 < summary["n_instances"] <= _LISTED and len(summary["runs"]) <= _COLUMNS:
        with (home / "instances.csv").open(newline="", encoding="utf-8") as source:
            out.print(_outcomes(list(csv.DictReader(source)), summary["analysis"]["control"]))
    if summary["conditions"]:
        out.print(_conditions(summary))
    if summary["contrasts"]:
        out.print(_contrasts(summary["contrasts"], f"against {summary['analysis']['control']}"))
    states = Counter(cell["state"] for cell in summary["cells"])
    if states.keys() != {"finished"}:
        out.print(_cells(summary["cells"]))
        counted = ", ".join(f"{n} {state}" for state, n in sorted(states.items()))
        out.print(f"cells: {counted}; the same command goes on with what is not finished", highlight=False)
    answers = [contrast["sentence"] for contrast in summary["contrasts"]]
    ceiling = [health_records.words(summary["health"])] if summary["health"] else []
    for line in (*answers, *summary["warnings"], *ceiling):
        out.print(line, highlight=False, soft_wrap=True, markup=False)
    out.print(f"summary: {home / 'summary.json'}", highlight=False, soft_wrap=True, markup=False)


def show_comparison(comparison: Comparison, path: Path) -> None:
    """Print a comparison; the table of one that was forced says so."""
    out = console()
    forced = "FORCED, the groups differ in more than the condition" if comparison.differing else ""
    contrasts = [asdict(contrast) for contrast in comparison.contrasts]
    named = [{**one, "treatment": f"{one['treatment']} - {one['control']}"} for one in contrasts]
    out.print(_contrasts(named, forced or "differences"))
    # of one group it is the floor that matters, not which of its seeds came out higher
    answers = [contrast["sentence"] for contrast in contrasts] if len(comparison.groups) > 1 else []
    differing = [f"  {words}" for words in comparison.differing]
    for line in (*answers, *comparison.remarks, *([f"{forced}:", *differing] if forced else [])):
        out.print(line, highlight=False, soft_wrap=True, markup=False)
    out.print(f"comparison: {path}", highlight=False, soft_wrap=True, markup=False)


def _contrasts(contrasts: Sequence[Mapping[str, Any]], title: str) -> Table:
    shown = plain_table(title)
    ratios = [{cost["measure"]: cost["ratio"] for cost in contrast["costs"]} for contrast in contrasts]
    priced = any("cost_usd" in measured for measured in ratios)
    shown.add_column("treatment", overflow="fold")
    for name in ("points", "95 % interval", "MDE", "p", "tokens in", *(["USD"] if priced else []), "verdict"):
        shown.add_column(name, justify="right", no_wrap=True)
    for contrast, measured in zip(contrasts, ratios, strict=True):
        delta = contrast["delta"] or {}
        shown.add_row(
            escape(contrast["treatment"]),
            *(points(delta.get("estimate")), interval(delta.get("ci95"))),
            *(effect(delta.get("mde80")), chance(delta.get("p_holm"))),
            times(measured.get("prompt_tokens")),
            *([times(measured.get("cost_usd"))] if priced else []),
            contrast["verdict"],
        )
    return shown


def _outcomes(rows: list[dict[str, str]], control: str) -> Table:
    """Instances x runs, those of the control first."""
    runs = sorted({(row["condition"] != control, row["condition"], int(row["seed"])) for row in rows})
    shown = plain_table("outcomes")
    shown.add_column("instance", no_wrap=True)
    for _, condition, seed in runs:
        shown.add_column(f"{escape(condition)} s{seed}")
    cells = {(row["instance_id"], row["condition"], int(row["seed"])): row["outcome"] for row in rows}
    for name in sorted({row["instance_id"] for row in rows}):
        shown.add_row(escape(name), *(cells.get((name, condition, seed), "") for _, condition, seed in runs))
    return shown


def _conditions(summary: Mapping[str, Any]) -> Table:
    shown = plain_table(f"group {summary['group_id']}")
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
        shown.add_column(name, justify="right", no_wrap=name == "resolved")
    for name, arm in sorted(
        summary["conditions"].items(), key=lambda item: (item[0] != summary["analysis"]["control"], item[0])
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


def _cells(cells: Sequence[Mapping[str, Any]]) -> Table:
    shown = plain_table("cells")
    shown.add_column("run", no_wrap=True)
    shown.add_column("state", no_wrap=True)
    shown.add_column("why", overflow="fold")
    for cell in cells:
        shown.add_row(escape(cell["run_id"]), cell["state"], escape(cell["reason"]))
    return shown
