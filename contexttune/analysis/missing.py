"""Results that outages cost: whether they strike the arms equally, and what they could hide."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import fisher_exact

from contexttune.analysis.estimate import ALPHA
from contexttune.analysis.evidence import Missing, Verdict
from contexttune.analysis.outcomes import Floats, Pairs, mean_over_seeds

TOLERABLE = 0.02  # of the planned results; below it, what the bounds say is not held against the verdict


def missing(pairs: Pairs, *, margin: float, decide: Callable[[Floats], Verdict]) -> Missing:
    """Counts, test and bounds; `decide` is what says the verdict of the differences of the instances.

    Without a planned pair the bounds are all that is possible, -1 and 1.
    """
    control, treatment = (
        (int((pairs.planned & np.isnan(raw)).sum()), int(pairs.planned.sum()))
        for raw in (pairs.raw_control, pairs.raw_treatment)
    )
    p = float(fisher_exact([[n, planned - n] for n, planned in (control, treatment)]).pvalue)
    against, favoured = (imputed(pairs, control=worst, treatment=1 - worst) for worst in (1.0, 0.0))
    return Missing(
        control=control,
        treatment=treatment,
        p_fisher=p,
        is_unequal=p < ALPHA or abs(_share(control) - _share(treatment)) > margin,
        bounds=(_mean(against, otherwise=-1.0), _mean(favoured, otherwise=1.0)),
        bounds_verdicts=(decide(against), decide(favoured)),
    )


def imputed(pairs: Pairs, *, control: float, treatment: float) -> Floats:
    """Differences of the planned instances, with every missing result set to its arm's value: (instances,)."""
    filled = (
        np.where(pairs.planned & np.isnan(raw), value, raw)
        for raw, value in ((pairs.raw_control, control), (pairs.raw_treatment, treatment))
    )
    without, with_treatment = filled
    means = mean_over_seeds(with_treatment - without)
    return means[~np.isnan(means)]


def share_missing(missing: Missing) -> float:
    """Of the planned results of both arms together."""
    return _share((missing.control[0] + missing.treatment[0], missing.control[1] + missing.treatment[1]))


def bounds_differ(missing: Missing, verdict: Verdict) -> bool:
    """Whether a verdict on the measured pairs would be another one at either bound."""
    return set(missing.bounds_verdicts) != {verdict}


def _share(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1] if counted[1] else 0.0


def _mean(values: Floats, *, otherwise: float) -> float:
    return float(values.mean()) if len(values) else otherwise
