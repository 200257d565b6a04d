"""Many audits, of one sweep: which settings nobody beats in recall for the tokens that they take.

Each job leaves a note beside Hydra's files of it that says where its audit lies; what is printed at the end comes from there, whatever
sweeper or launcher there was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.system.files import fingerprint, read_json, write_json
from contexttune.tasks.audit.means import ALL, METRICS

_NOTE = "audit_job.json"


@dataclass(frozen=True, kw_only=True)
class Point:
    """One condition at one budget in one job of a sweep, all instances.

    Attributes:
        overrides: those of the job that not all jobs have.
        recall: the means of METRICS, from 0 to 1.
        fronts: of METRICS, those in which no point has more for at most as many tokens; `joint` where no
            point that takes at most as many tokens has at least as much in all three, and more in one of these four.
    """

    overrides: Sequence[str]
    condition: str
    budget_chars: int
    n_tokens: float
    recall: Mapping[str, float]
    fronts: frozenset[str] = frozenset()


def objective(summary: Sequence[Mapping[str, Any]], condition: str) -> float | None:
    """One number for a sweeper that looks for the best: of the condition, the mean of METRICS and budgets; None if it leaks."""
    rows = [row for row in summary if row["part"] == ALL and row["condition"] == condition]
    values = [row[name]["mean"] for row in rows for name in METRICS if row[name]]
    if not values or any(row["n_leaking"] for row in rows):
        return None
    return float(sum(values) / len(values))


def note_job(job_dir: Path, home: Path, name: str | None, overrides: Sequence[str]) -> None:
    """Say where a job's audit lies, and under which name the sweep's results shall."""
    write_json(job_dir / _NOTE, {"home": str(home), "name": name, "overrides": list(overrides)})


def jobs_of(sweep_dir: Path) -> list[dict[str, Any]]:
    """The notes of a sweep's jobs, in their order."""
    found = sorted(sweep_dir.glob(f"**/{_NOTE}"), key=lambda path: (len(path.parent.name), str(path)))
    return [read_json(path) for path in found]


def front_home(jobs: Sequence[Mapping[str, Any]]) -> Path:
    """Where a sweep's results belong: in the directory that its jobs share by name, else in one named by their audits."""
    home, name = Path(jobs[0]["home"]), jobs[0]["name"]
    if name is not None:
        return home.parent
    audits = sorted({Path(job["home"]).name for job in jobs})
    return home.with_name(f"{home.name.rpartition('-')[0]}-search-{fingerprint(audits, 6)}")


def points_of(jobs: Sequence[Mapping[str, Any]]) -> list[Point]:
    """By tokens. A context that leaks has no place among them, and of audits that several jobs made the first one's counts."""
    shared = set.intersection(*(set(job["overrides"]) for job in jobs))
    first = {job["home"]: job for job in reversed(jobs)}
    found = []
    for home, job in first.items():
        own = [override for override in job["overrides"] if override not in shared]
        summary = json.loads((Path(home) / "audit.json").read_bytes())["summary"]
        found += [point for row in summary if (point := _point(own, row)) is not None]
    return sorted(_judged(found), key=lambda point: (point.n_tokens, point.overrides))


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


def _judged(points: Sequence[Point]) -> Iterator[Point]:
    for one in points:
        fronts = {name for name in METRICS if not any(_beats(other, one, (name,)) for other in points)}
        if not any(_beats(other, one, METRICS) for other in points):
            fronts.add("joint")
        yield Point(**{**vars(one), "fronts": frozenset(fronts)})


def _beats(one: Point, other: Point, metrics: Sequence[str]) -> bool:
    more = [one.recall[name] - other.recall[name] for name in metrics]
    saved = other.n_tokens - one.n_tokens
    return min(*more, saved) >= 0 and max(*more, saved) > 0
