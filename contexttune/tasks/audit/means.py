"""Means of an audit's measurements: overall, by repository, and by kind of instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from contexttune.tasks.audit.measure import Measurement

SCHEMA_VERSION = 1
SHARES = ("file", "file_literal", "any_hit", "symbol", "reciprocal_rank")
SIZES = ("n_files", "n_chars", "n_tokens")
METRICS = ("file", "symbol", "reciprocal_rank")
"""The SHARES by which conditions and settings are compared."""

ALL = "all"
_NOT_NAMED, _SEVERAL = "issue names no gold file", "several gold files"
HARD = (_NOT_NAMED, _SEVERAL)  # kinds for which a context matters most
_PARTS: Mapping[str, Callable[[Measurement], bool]] = {
    "issue names a gold file": lambda one: one.is_named,
    _NOT_NAMED: lambda one: not one.is_named,
    "one gold file": lambda one: one.n_gold_files == 1,
    _SEVERAL: lambda one: one.n_gold_files > 1,
}


def summarize(measured: Sequence[Measurement]) -> list[dict[str, Any]]:
    """A row per part of the instances, condition and budget.

    Returns: `part` (`all`, a repository, a kind), `condition`, `budget_chars`, `n_instances`, `build_s` (the median),
    `n_leaking`, and for each of SHARES and SIZES an `average` with `macro`, the mean of the means of repositories, or
    None.
    """
    rows = []
    for part, chosen in parts(measured).items():
        groups: dict[tuple[str, int], list[Measurement]] = {}
        for one in chosen:
            groups.setdefault((one.condition, one.budget_chars), []).append(one)
        rows += [_row(part, *key, own) for key, own in groups.items()]
    return rows


def leaking(measured: Sequence[Measurement]) -> list[Measurement]:
    """Measurements with leaks that their condition does not intend."""
    return [one for one in measured if any(not leak.is_expected for leak in one.leaks)]


def parts(measured: Sequence[Measurement]) -> dict[str, list[Measurement]]:
    """Name -> measurements: `all`, each repository, each kind of instance. Kinds may be empty."""
    repos = sorted({one.repo for one in measured})
    return {
        ALL: list(measured),
        **{repo: [one for one in measured if one.repo == repo] for repo in repos},
        **{name: [one for one in measured if holds(one)] for name, holds in _PARTS.items()},
    }


def average(values: Sequence[float]) -> dict[str, Any]:
    """`n`, `mean` and `ci95`, a bootstrap interval over instances or None for fewer than six, of at least one value."""
    import numpy as np

    from contexttune.analysis.bootstrap import mean_ci95

    return {"n": len(values), "mean": sum(values) / len(values), "ci95": mean_ci95(np.array(values))}


def _row(part: str, condition: str, budget_chars: int, own: Sequence[Measurement]) -> dict[str, Any]:
    return {
        "part": part,
        "condition": condition,
        "budget_chars": budget_chars,
        "n_instances": len(own),
        "build_s": sorted(one.build_s for one in own)[len(own) // 2],
        "n_leaking": len(leaking(own)),
        **{name: _mean(own, name) for name in (*SHARES, *SIZES)},
    }


def _mean(own: Sequence[Measurement], name: str) -> dict[str, Any] | None:
    by_repo: dict[str, list[float]] = {}
    for one in own:
        if (value := getattr(one.recall, name)) is not None:
            by_repo.setdefault(one.repo, []).append(float(value))
    if not by_repo:
        return None
    macro = sum(sum(part) / len(part) for part in by_repo.values()) / len(by_repo)
    return average([value for part in by_repo.values() for value in part]) | {"macro": macro}
