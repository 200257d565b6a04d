"""Pareto front of a sweep of audits, as front.csv, front.svg and a table on the console."""

from __future__ import annotations

from pathlib import Path

from contexttune.experiment.rows import as_csv
from contexttune.report.tables import print_lines, print_table
from contexttune.system.files import write_atomic
from contexttune.tasks.audit import plot
from contexttune.tasks.audit.means import METRICS
from contexttune.tasks.audit.search import Point, read_jobs, read_points, results_dir

_TEXTS = ("condition", "overrides")
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
    write_atomic(home / "front.csv", as_csv([_row(point) for point in points]))
    write_atomic(home / "front.svg", plot.front_svg(points))
    leading = [point for point in points if "joint" in point.fronts]
    rows = list(map(_shown, leading[:_MAX_ROWS]))
    print_table(
        f"Pareto front of {len(points)} points, {len(jobs)} jobs",
        rows,
        text=_TEXTS,
        whole=rows[0].keys() - set(_TEXTS),
        hidden=() if len({row["condition"] for row in rows}) > 1 else ("condition",),
    )
    more = [f"{len(leading) - _MAX_ROWS} more points are in front.csv"] if len(leading) > _MAX_ROWS else []
    print_lines([*more, _NOTE, f"front: {home / 'front.csv'}"])


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


def _shown(point: Point) -> dict[str, str]:
    file, symbol, rank = (point.recall[name] for name in METRICS)
    return {
        "tokens": f"{point.n_tokens:,.0f}",
        "budget": f"{point.budget_chars:,}",
        "files": f"{100 * file:.1f}",
        "symbols": f"{100 * symbol:.1f}",
        "MRR": f"{rank:.3f}",
        "condition": point.condition,
        "overrides": " ".join(point.overrides),
    }
