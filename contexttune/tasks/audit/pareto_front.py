"""The end of a sweep of audits: front.csv, front.svg, and the points that nobody beats on the console."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from contexttune.system.files import write_atomic
from contexttune.system.progress import console, plain_table
from contexttune.tasks.audit import plot
from contexttune.tasks.audit.means import METRICS
from contexttune.tasks.audit.search import Point, front_home, jobs_of, points_of
from contexttune.tasks.audit.write import csv_text

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 40  # the rest is in front.csv
_NOTE = (
    "In percent (MRR: of the first gold file), means over instances; tokens are those of o200k_base. Of all points of the sweep, these are "
    "the ones that no other beats: none that takes at most as many tokens has as much in all three columns, and more in one."
)


def close(sweep_dir: Path) -> None:
    """Write and print what the audits among a sweep's jobs add up to; nothing where there are none."""
    jobs = jobs_of(sweep_dir)
    points = points_of(jobs) if jobs else []
    if not points:
        return
    home = front_home(jobs)
    write_atomic(home / "front.csv", csv_text([_row(point) for point in points]))
    write_atomic(home / "front.svg", plot.front_svg(points))
    leading = [point for point in points if "joint" in point.fronts]
    out = console()
    out.print(_table(leading[:_SHOWN], f"nobody beats, of {len(points)} points of {len(jobs)} jobs"))
    more = [f"{len(leading) - _SHOWN} more are in front.csv"] if len(leading) > _SHOWN else []
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
        said = [*([point.condition] if several else []), " ".join(point.overrides)]
        shown.add_row(f"{point.n_tokens:,.0f}", f"{point.budget_chars:,}", *shares, *map(escape, said))
    return shown
