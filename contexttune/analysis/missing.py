"""Missing results: whether both arms have equal shares of them, and whether they could change the verdict."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.stats import fisher_exact

from contexttune.analysis.estimate import ALPHA
from contexttune.analysis.evidence import Missing, Verdict
from contexttune.analysis.outcomes import Floats, Pairs, mean_over_seeds

TOLERABLE = 0.02  # share of the planned results below which the bounds do not withhold a verdict


def missing(pairs: Pairs, *, margin: float, decide: Callable[[Floats], Verdict]) -> Missing:
    """Count missing results, compare the arms and bound the estimate.

    `decide` returns the verdict for the differences of the instances. Without a planned pair the bounds are -1 and 1.
    """
    control, treatment = (
        (int((pairs.planned & np.isnan(raw)).sum()), int(pairs.planned.sum()))
        for raw in (pairs.raw_control, pairs.raw_treatment)
    )
    p = float(fisher_exact([[n, planned - n] for n, planned in (control, treatment)]).pvalue)
    worst, best = (imputed(pairs, control=value, treatment=1 - value) for value in (1.0, 0.0))
    return Missing(
        control=control,
        treatment=treatment,
        p_fisher=p,
        is_unequal=p < ALPHA or abs(_share(control) - _share(treatment)) > margin,
        bounds=(float(worst.mean()), float(best.mean())) if len(worst) else (-1.0, 1.0),
        bounds_verdicts=(decide(worst), decide(best)),
    )


def imputed(pairs: Pairs, *, control: float, treatment: float) -> Floats:
    """(instances,): differences of the planned instances, with missing results set to the value given for their arm."""
    filled_control, filled_treatment = (
        np.where(pairs.planned & np.isnan(raw), value, raw)
        for raw, value in ((pairs.raw_control, control), (pairs.raw_treatment, treatment))
    )
    means = mean_over_seeds(filled_treatment - filled_control)
    return means[~np.isnan(means)]


def share_missing(missing: Missing) -> float:
    """Missing share of the planned results of both arms together."""
    return _share((missing.control[0] + missing.treatment[0], missing.control[1] + missing.treatment[1]))


def bounds_differ(missing: Missing, verdict: Verdict) -> bool:
    """Whether either bound would change `verdict`."""
    return set(missing.bounds_verdicts) != {verdict}


def _share(counted: tuple[int, int]) -> float:
    return counted[0] / counted[1] if counted[1] else 0.0
