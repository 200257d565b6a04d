"""Variation between the seeds of one arm: the noise floor, ICC, pass@k and pass^k."""

from __future__ import annotations

from math import comb

import numpy as np
import numpy.typing as npt

from contexttune.analysis.evidence import Repeats
from contexttune.analysis.outcomes import Arm, Floats

Counts = npt.NDArray[np.int64]


def repeats(arm: Arm) -> Repeats:
    """Noise over the instances measured with every seed; fields that need two seeds are None for a single one."""
    complete = arm.resolved[~np.isnan(arm.resolved).any(axis=1)]
    n_instances, n_seeds = complete.shape
    resolved = complete.sum(axis=1).astype(np.int64)
    has_repeats = n_seeds > 1 and n_instances > 0
    ks = range(1, n_seeds + 1) if n_instances else ()
    discordant_pairs = resolved * (n_seeds - resolved)
    return Repeats(
        n_seeds=n_seeds,
        n_instances=n_instances,
        icc=icc(complete),
        run_sd=float(complete.mean(axis=0).std(ddof=1)) if has_repeats else None,
        discordant=float(np.mean(discordant_pairs) / comb(n_seeds, 2)) if has_repeats else None,
        pass_at_k={str(k): pass_at_k(resolved, n_seeds, k) for k in ks},
        pass_hat_k={str(k): pass_hat_k(resolved, n_seeds, k) for k in ks},
    )


def icc(outcomes: Floats) -> float | None:
    """Intraclass correlation ICC(1) of a one-way analysis of variance, ICC(1,1) of Shrout and Fleiss (1979).

    (MSB - MSW) / (MSB + (k - 1) MSW), with MSB the mean square between instances and MSW the one within them.
    Negative where seeds differ more within an instance than between instances.

    Args:
        outcomes: (instances, k seeds), without NaN.

    Returns:
        None for fewer than two seeds or instances, and where all outcomes are equal.
    """
    n, k = outcomes.shape
    if n < 2 or k < 2:
        return None
    means = outcomes.mean(axis=1)
    between = k * float(means.var(ddof=1))
    within = float(((outcomes - means[:, None]) ** 2).sum()) / (n * (k - 1))
    total = between + (k - 1) * within
    return (between - within) / total if total > 0 else None


def pass_at_k(resolved: Counts, n_seeds: int, k: int) -> float:
    """Probability that at least one of k seeds resolves an instance, 1 - C(n-c, k) / C(n, k): Chen et al. (2021).

    `resolved` (instances,) counts the seeds, of `n_seeds`, that resolved each instance.
    """
    return 1 - sum(comb(n_seeds - int(c), k) for c in resolved) / (comb(n_seeds, k) * len(resolved))


def pass_hat_k(resolved: Counts, n_seeds: int, k: int) -> float:
    """Probability that all of k seeds resolve an instance, C(c, k) / C(n, k); arguments as in `pass_at_k`."""
    return sum(comb(int(c), k) for c in resolved) / (comb(n_seeds, k) * len(resolved))
