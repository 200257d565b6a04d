"""Compares the audits of a sweep by recall and tokens.

Each job records the location of its audit beside its Hydra files, so that any sweeper and launcher can be used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.system.files import fingerprint, read_json, write_json
from contexttune.tasks.audit.means import ALL, METRICS

_RECORD = "audit_job.json"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One condition at one budget in one job of a sweep, all instances.

    Attributes:
        overrides: overrides of the job that not all jobs share.
        recall: means of METRICS, from 0 to 1.
        fronts: METRICS for which the point is on the front against tokens; `joint` for all metrics together.
    """

    overrides: Sequence[str]
    condition: str
    budget_chars: int
    n_tokens: float
    recall: Mapping[str, float]
    fronts: frozenset[str] = frozenset()


def objective(summary: Sequence[Mapping[str, Any]], condition: str) -> float | None:
    """The value that an optimizing sweeper maximizes: the mean over METRICS and budgets; None if the condition leaks."""
    rows = [row for row in summary if row["part"] == ALL and row["condition"] == condition]
    values = [row[name]["mean"] for row in rows for name in METRICS if row[name]]
    if not values or any(row["n_leaking"] for row in rows):
        return None
    return float(sum(values) / len(values))


def record_job(job_dir: Path, home: Path, name: str | None, overrides: Sequence[str]) -> None:
    """Record the location of a job's audit and the name of the sweep's results."""
    write_json(job_dir / _RECORD, {"home": str(home), "name": name, "overrides": list(overrides)})


def read_jobs(sweep_dir: Path) -> list[dict[str, Any]]:
    """The records of a sweep's jobs, in order."""
    found = sorted(sweep_dir.glob(f"**/{_RECORD}"), key=lambda path: (len(path.parent.name), str(path)))
    return [read_json(path) for path in found]


def results_dir(jobs: Sequence[Mapping[str, Any]]) -> Path:
    """Directory of a sweep's results: the one named by `audit.name`, or else by a digest of its audits."""
    home, name = Path(jobs[0]["home"]), jobs[0]["name"]
    if name is not None:
        return home.parent
    audits = sorted({Path(job["home"]).name for job in jobs})
    return home.with_name(f"{home.name.rpartition('-')[0]}-search-{fingerprint(audits, 6)}")


def read_points(jobs: Sequence[Mapping[str, Any]]) -> list[Point]:
    """The points of all jobs, by tokens, without contexts that leak; an audit shared by several jobs counts once."""
    shared = set.intersection(*(set(job["overrides"]) for job in jobs))
    first = {job["home"]: job for job in reversed(jobs)}
    found = []
    for home, job in first.items():
        own = [override for override in job["overrides"] if override not in shared]
        summary = json.loads((Path(home) / "audit.json").read_bytes())["summary"]
        found += [point for row in summary if (point := _point(own, row)) is not None]
    return sorted(_with_fronts(found), key=lambda point: (point.n_tokens, point.overrides))


def _point(overrides: Sequence[str], row: Mapping[str, Any]) -> Point | None:
    if row["part"] != ALL or row["n_leaking"] or any(row[name] is None for name in METRICS):
        return None
    return Point(
        overrides=overrides,
        condition=row["condition"],
        budget_chars=row["budget_chars"],
        n_tokens=row["n_tokens"]["mean"],
        recall={name: row[name]["mean"] for name in METRICS},
    )


def _with_fronts(points: Sequence[Point]) -> Iterator[Point]:
    for one in points:
        fronts = {name for name in METRICS if not any(_beats(other, one, (name,)) for other in points)}
        if not any(_beats(other, one, METRICS) for other in points):
            fronts.add("joint")
        yield Point(**{**vars(one), "fronts": frozenset(fronts)})


def _beats(one: Point, other: Point, metrics: Sequence[str]) -> bool:
    more = [one.recall[name] - other.recall[name] for name in metrics]
    saved = other.n_tokens - one.n_tokens
    return min(*more, saved) >= 0 and max(*more, saved) > 0
