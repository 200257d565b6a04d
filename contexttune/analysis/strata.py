"""The difference within parts of the instances: by repository, without one, by difficulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from contexttune.analysis import paired
from contexttune.analysis.evidence import Interval, RepositoryMean, Stratum
from contexttune.analysis.outcomes import Floats, Pairs

_EQUAL = 1e-9  # differences of shares closer than this are one number that was rounded twice


def by_repository(pairs: Pairs) -> list[Stratum]:
    """A stratum a repository, by name."""
    return _strata(_parts(pairs, pairs.repos))


def by_difficulty(pairs: Pairs) -> list[Stratum]:
    """A stratum a difficulty, by name; instances without one are in none. Empty where the dataset has no difficulty."""
    return _strata(_parts(pairs, pairs.difficulties))


def without_each_repository(pairs: Pairs) -> list[Stratum]:
    """The difference over all other repositories, named after the one left out; empty for a single repository.

    These overlap nearly wholly and are no tests of their own: p_bh is null.
    """
    parts = _parts(pairs, pairs.repos)
    if len(parts) < 2:
        return []
    rests = {
        left_out: np.concatenate([part for name, part in parts.items() if name != left_out])
        for left_out in parts
    }
    return [_stratum(name, rest, None) for name, rest in rests.items()]


def repository_mean(pairs: Pairs) -> RepositoryMean | None:
    """The mean of the repositories' own means, with a t interval over them; None without a pair."""
    means = np.array([part.mean() for part in _parts(pairs, pairs.repos).values()])
    if not len(means):
        return None
    ci95, p = _paired_t(means)
    return RepositoryMean(n_repositories=len(means), estimate=float(means.mean()), ci95=ci95, p=p)


def _parts(pairs: Pairs, name_of: Mapping[str, str]) -> dict[str, Floats]:
    """name -> differences of its measured instances, by name."""
    control, treatment = pairs.shares()
    measured = np.array(pairs.instances)[pairs.measured]
    names = np.array([name_of.get(instance, "") for instance in measured])
    return {str(name): (treatment - control)[names == name] for name in np.unique(names) if name}


def _strata(parts: Mapping[str, Floats]) -> list[Stratum]:
    p_bh = _corrected([_paired_t(differences)[1] for differences in parts.values()])
    return [_stratum(name, part, p) for (name, part), p in zip(parts.items(), p_bh, strict=True)]


def _stratum(name: str, differences: Floats, p_bh: float | None) -> Stratum:
    ci95, _ = _paired_t(differences)
    return Stratum(
        name=name, n_instances=len(differences), estimate=float(differences.mean()), ci95=ci95, p_bh=p_bh
    )


def _paired_t(differences: Floats) -> tuple[Interval | None, float | None]:
    """(95 % interval, p); None where a single value, or values that are all equal, say nothing of their spread."""
    if len(differences) < 2 or np.ptp(differences) < _EQUAL:
        return None, None
    result = paired.paired_t(differences)
    return result.ci95, result.p


def _corrected(p: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's p, in the order given, over those that there are."""
    known = [value for value in p if value is not None]
    corrected = iter(stats.false_discovery_control(known) if known else [])
    return [None if value is None else float(next(corrected)) for value in p]
