"""Differences within strata: by repository, leave-one-repository-out, by difficulty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats

from contexttune.analysis import paired_t
from contexttune.analysis.estimate import differences, estimate_difference
from contexttune.analysis.evidence import RepositoryMean, Stratum
from contexttune.analysis.outcomes import Floats, Pairs

_EQUAL = 1e-9  # means closer than this differ by rounding only


def by_repository(pairs: Pairs) -> list[Stratum]:
    """One stratum per repository, by name."""
    return _strata(_parts(pairs, pairs.repos))


def by_difficulty(pairs: Pairs) -> list[Stratum]:
    """One stratum per difficulty, by name, over the instances that have one; [] for datasets without difficulties."""
    return _strata(_parts(pairs, pairs.difficulties))


def without_each_repository(pairs: Pairs) -> list[Stratum]:
    """Leave-one-repository-out: one stratum named after each repository left out; [] for a single repository.

    These strata overlap almost completely and are not tested: p_bh is None.
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
    """Mean of the repository means, with a t interval over repositories; None without a pair."""
    means = np.array([part.mean() for part in _parts(pairs, pairs.repos).values()])
    if not len(means):
        return None
    shows_spread = len(means) > 1 and np.ptp(means) >= _EQUAL
    found = paired_t.paired_t(means) if shows_spread else None
    return RepositoryMean(
        n_repositories=len(means),
        estimate=float(means.mean()),
        ci95=None if found is None else found.ci95,
        p=None if found is None else found.p,
    )


def _parts(pairs: Pairs, name_of: Mapping[str, str]) -> dict[str, Floats]:
    """Stratum name -> differences of its measured instances, sorted by name."""
    own = differences(pairs)
    measured = np.array(pairs.instances)[pairs.measured]
    names = np.array([name_of.get(instance, "") for instance in measured])
    return {str(name): own[names == name] for name in np.unique(names) if name}


def _strata(parts: Mapping[str, Floats]) -> list[Stratum]:
    """The strata, with p values corrected by Benjamini-Hochberg; None where there is no estimate."""
    estimates = {name: estimate_difference(part) for name, part in parts.items()}
    p = {name: own.p for name, own in estimates.items() if own is not None}
    corrected = stats.false_discovery_control(list(p.values())) if p else ()
    p_bh = dict(zip(p, map(float, corrected), strict=True))
    return [_stratum(name, part, p_bh.get(name)) for name, part in parts.items()]


def _stratum(name: str, part: Floats, p_bh: float | None) -> Stratum:
    """The stratum, by the method of the whole contrast: a single repository gets the same interval as the whole."""
    found = estimate_difference(part)
    return Stratum(
        name=name,
        n_instances=len(part),
        estimate=float(part.mean()),
        ci95=None if found is None else found.ci95,
        p_bh=p_bh,
    )
