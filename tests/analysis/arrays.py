"""Pairs and arms straight from arrays."""

from __future__ import annotations

import numpy as np

from contexttune.analysis.contrasts import contrast_arms, judge
from contexttune.analysis.outcomes import MEASURES, Arm, Pairs, pair


def arm(name, resolved, *, repos=None, difficulties=None, **amounts):
    """`resolved` and every amount: (instances, seeds), NaN for missing as is what is not given; instances are named i000, i001, ..."""
    resolved = np.asarray(resolved, dtype=float)
    instances = [f"i{number:03}" for number in range(len(resolved))]
    return Arm(
        name=name,
        instances=instances,
        seeds=list(range(resolved.shape[1])),
        resolved=resolved,
        planned=np.ones(resolved.shape, dtype=bool),
        amounts={
            measure: np.asarray(amounts.get(measure, np.full(resolved.shape, np.nan)), dtype=float)
            for measure in MEASURES
        },
        repos=dict(zip(instances, repos or ["o/r"] * len(instances), strict=True)),
        difficulties={i: d for i, d in zip(instances, difficulties or [], strict=False) if d},
    )


def pairs(control, treatment, *, repos=None, difficulties=None, amounts=None) -> Pairs:
    """`amounts`: measure -> (control's, treatment's)."""
    known = {"repos": repos, "difficulties": difficulties}
    left, right = ({m: v[side] for m, v in (amounts or {}).items()} for side in (0, 1))
    return pair(arm("control", control, **known, **left), arm("treatment", treatment, **known, **right))


def judged(control, treatment, margin=0.05, unfinished=None):
    """The one judgement of two arrays."""
    own = {("control", "treatment"): pairs(control, treatment)}
    (found,) = judge(own, margin=margin, unfinished=unfinished or {}).values()
    return found


def contrast(control, treatment, margin=0.05):
    both = {"control": arm("control", control), "treatment": arm("treatment", treatment)}
    (found,) = contrast_arms(both, control="control", margin=margin, unfinished={})
    return found


def outcomes(lots, n, k, effect=0.0, tau=0.7):
    """Two arms (n, k) of instances between impossible and trivial, the treatment's logits shifted by `effect`."""
    rates = lots.beta(0.5, 0.5, n).clip(1e-6, 1 - 1e-6)
    moved = 1 / (1 + np.exp(-(np.log(rates / (1 - rates)) + effect + tau * lots.normal(size=n))))
    return tuple((lots.random((n, k)) < q[:, None]).astype(float) for q in (rates, moved))
