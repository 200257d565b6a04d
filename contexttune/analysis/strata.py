"""The difference within parts of the instances: by repository, without one, by difficulty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from contexttune.analysis import paired_t
from contexttune.analysis.estimate import differences, estimated
from contexttune.analysis.evidence import Interval, RepositoryMean, Stratum
from contexttune.analysis.outcomes import Floats, Pairs

_EQUAL = 1e-9  # means of differences closer than this are one number that was rounded twice


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
    own = differences(pairs)
    measured = np.array(pairs.instances)[pairs.measured]
    names = np.array([name_of.get(instance, "") for instance in measured])
    return {str(name): own[names == name] for name in np.unique(names) if name}


def _strata(parts: Mapping[str, Floats]) -> list[Stratum]:
    found = map(estimated, parts.values())
    p_bh = _corrected([None if own is None else own.p for own in found])
    return [_stratum(name, part, p) for (name, part), p in zip(parts.items(), p_bh, strict=True)]


def _stratum(name: str, part: Floats, p_bh: float | None) -> Stratum:
    """By the method that the whole is judged by, so that a group of one repository has one interval and not two."""
    found = estimated(part)
    return Stratum(
        name=name,
        n_instances=len(part),
        estimate=float(part.mean()),
        ci95=None if found is None else found.ci95,
        p_bh=p_bh,
    )


def _paired_t(means: Floats) -> tuple[Interval | None, float | None]:
    """(95 % interval, p); None where a single value, or values that are all equal, say nothing of their spread."""
    if len(means) < 2 or np.ptp(means) < _EQUAL:
        return None, None
    result = paired_t.paired_t(means)
    return result.ci95, result.p


def _corrected(p: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's p, in the order given, over those that there are."""
    known = [value for value in p if value is not None]
    corrected = iter(stats.false_discovery_control(known) if known else [])
    return [None if value is None else float(next(corrected)) for value in p]
