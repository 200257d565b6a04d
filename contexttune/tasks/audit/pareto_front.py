"""Pareto front of a sweep of audits, as front.csv, front.svg and a table on the console."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from contexttune.system.files import write_atomic
from contexttune.system.progress import console, plain_table
from contexttune.tasks.audit import plot
from contexttune.tasks.audit.means import METRICS
from contexttune.tasks.audit.search import Point, read_jobs, read_points, results_dir
from contexttune.tasks.audit.write import csv_text

if TYPE_CHECKING:
    from rich.table import Table

_MAX_ROWS = 40  # on the console; front.csv has all
_NOTE = (
    "Means over instances: gold files and symbols named, in percent; mean reciprocal rank (MRR) of the first gold file; tokens by o200k_base. "
    "A point is on the front when no other point is at least as good in all four and better in one."
)


def close(sweep_dir: Path) -> None:
    """Write and print the front of the audits in a sweep, if there are any."""
    jobs = read_jobs(sweep_dir)
    points = read_points(jobs) if jobs else []
    if not points:
        return
    home = results_dir(jobs)
    write_atomic(home / "front.csv", csv_text([_row(point) for point in points]))
    write_atomic(home / "front.svg", plot.front_svg(points))
    leading = [point for point in points if "joint" in point.fronts]
    out = console()
    out.print(_table(leading[:_MAX_ROWS], f"Pareto front of {len(points)} points, {len(jobs)} jobs"))
    more = [f"{len(leading) - _MAX_ROWS} more points are in front.csv"] if len(leading) > _MAX_ROWS else []
    for line in (*more, _NOTE, f"front: {home / 'front.csv'}"):
        out.print(line, highlight=False, soft_wrap=True, markup=False)


def _row(point: Point) -> dict[str, object]:
    fronts = {f"on_{name}_front": int(name in point.fronts) for name in ("joint", *METRICS)}
    return {
        "condition": point.condition,
        "budget_chars": point.budget_chars,
        "n_tokens": round(point.n_tokens, 1),
        **{name: round(point.recall[name], 6) for name in METRICS},
        **fronts,
        "overrides": " ".join(point.overrides),
    }


def _table(points: Sequence[Point], title: str) -> Table:
    shown = plain_table(title)
    several = len({point.condition for point in points}) > 1
    for name in ("tokens", "budget", "files", "symbols", "MRR"):
        shown.add_column(name, justify="right", no_wrap=True)
    for name in (*(["condition"] if several else []), "overrides"):
        shown.add_column(name, overflow="fold")
    for point in points:
        file, symbol, rank = (point.recall[name] for name in METRICS)
        shares = f"{100 * file:.1f}", f"{100 * symbol:.1f}", f"{rank:.3f}"
        words = [*([point.condition] if several else []), " ".join(point.overrides)]
        shown.add_row(f"{point.n_tokens:,.0f}", f"{point.budget_chars:,}", *shares, *map(escape, words))
    return shown
