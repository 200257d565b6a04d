"""Means of an audit's measurements: overall, by repository, and by kind of instance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from contexttune.tasks.audit.measure import Measurement

SCHEMA_VERSION = 1
SHARES = ("file", "file_literal", "any_hit", "symbol", "reciprocal_rank")
SIZES = ("n_files", "n_chars", "n_tokens")
METRICS = (
    "file",
    "symbol",
    "reciprocal_rank",
)  # the SHARES by which conditions and settings are compared
ALL = "all"
_NOT_NAMED, _SEVERAL = "issue names no gold file", "several gold files"
HARD = (_NOT_NAMED, _SEVERAL)  # kinds for which a context matters most
_PARTS: Mapping[str, Callable[[Measurement], bool]] = {
    "issue names a gold file": lambda one: one.is_named,
    _NOT_NAMED: lambda one: not one.is_named,
    "one gold file": lambda one: one.n_gold_files == 1,
    _SEVERAL: lambda one: one.n_gold_files > 1,
}


@dataclass(frozen=True, kw_only=True)
class Mean:
    """A mean over instances.

    Attributes:
        n: instances with a value.
        ci95: bootstrap interval over instances; None for fewer than six.
        macro: mean of the means of repositories.
    """

    n: int
    mean: float
    ci95: tuple[float, float] | None
    macro: float


def summarize(measured: Sequence[Measurement]) -> list[dict[str, Any]]:
    """A row per part of the instances, condition and budget.

    Returns: `part` (`all`, a repository, a kind), `condition`, `budget_chars`, `n_instances`, a Mean or None for each of
    SHARES and SIZES, `build_s` (the median), `n_leaking`.
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
    found = {ALL: list(measured)}
    for repo in sorted({one.repo for one in measured}):
        found[repo] = [one for one in measured if one.repo == repo]
    for name, holds in _PARTS.items():
        found[name] = [one for one in measured if holds(one)]
    return found


def _row(part: str, condition: str, budget_chars: int, own: Sequence[Measurement]) -> dict[str, Any]:
    means = {name: _mean(own, name) for name in (*SHARES, *SIZES)}
    return {
        "part": part,
        "condition": condition,
        "budget_chars": budget_chars,
        "n_instances": len(own),
        "build_s": sorted(one.build_s for one in own)[len(own) // 2],
        "n_leaking": len(leaking(own)),
        **{name: asdict(mean) if mean else None for name, mean in means.items()},
    }


def _mean(own: Sequence[Measurement], name: str) -> Mean | None:
    import numpy as np

    from contexttune.analysis.bootstrap import mean_ci95

    by_repo: dict[str, list[float]] = {}
    for one in own:
        value = getattr(one.recall, name)
        if value is not None:
            by_repo.setdefault(one.repo, []).append(float(value))
    values = [value for part in by_repo.values() for value in part]
    if not values:
        return None
    macro = sum(sum(part) / len(part) for part in by_repo.values()) / len(by_repo)
    ci95 = mean_ci95(np.array(values))
    return Mean(n=len(values), mean=sum(values) / len(values), ci95=ci95, macro=macro)
