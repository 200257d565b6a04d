"""Contrasts as in summary.json, with made-up numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from contexttune.analysis.evidence import (
    Contrast,
    CostRatio,
    Delta,
    Discordant,
    Equivalence,
    Missing,
    Price,
    RepositoryMean,
    RequiredSample,
    Stratum,
    Verdict,
)


def contrast(treatment: str = "baseline_context", **changed: Any) -> dict[str, Any]:
    """A contrast with every field, as JSON."""
    low, high, estimate = -0.041, 0.348, 0.153
    delta = Delta(
        estimate=estimate,
        se=0.099,
        ci95=(low, high),
        ci90=(-0.01, 0.316),
        method="paired t",
        p=0.122,
        p_holm=0.244,
        p_exact=None,
        p_permutation=0.119,
        mde80=0.281,
    )
    values: dict[str, Any] = {
        "control": "no_context",
        "treatment": treatment,
        "n_instances": 6,
        "n_seeds": 1,
        "n_pairs": 6,
        "verdict": Verdict.INCONCLUSIVE,
        "sentence": f"Inconclusive: {treatment} changes the resolved share by +15.3 points (95 % interval -4.1 to +34.8).",
        "reasons": [],
        "delta": delta,
        "gained": [Discordant(instance_id="ctdemo__rota-21", repo="ctdemo/rota", control=0, treatment=1)],
        "lost": [Discordant(instance_id="ctdemo__tablet-12", repo="ctdemo/tablet", control=1, treatment=0)],
        "equivalence": Equivalence(margin=0.05, p=0.85, holds=False),
        "missing": Missing(
            control=(0, 6),
            treatment=(1, 6),
            p_fisher=1.0,
            is_unequal=False,
            bounds=(-0.02, 0.31),
            bounds_verdicts=(Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        ),
        "settle": RequiredSample(
            effect=0.05,
            n_seeds=None,
            n_instances=3_120,
            seeds_usd=None,
            instances_usd=812.5,
            seeds_tokens=None,
            instances_tokens=91_000_000,
        ),
        "repositories": [
            Stratum(name="ctdemo/inkfile", n_instances=2, estimate=0.25, ci95=(-0.4, 0.9), p_bh=0.5),
            Stratum(name="ctdemo/rota", n_instances=2, estimate=0.5, ci95=(0.1, 0.88), p_bh=0.2),
            Stratum(name="ctdemo/tablet", n_instances=1, estimate=-0.25, ci95=None, p_bh=None),
        ],
        "repository_mean": RepositoryMean(n_repositories=3, estimate=0.167, ci95=(-0.3, 0.62), p=0.4),
        "without_repository": [
            Stratum(name="without ctdemo/rota", n_instances=4, estimate=0.0, ci95=(-0.3, 0.3), p_bh=None),
            Stratum(name="without ctdemo/tablet", n_instances=4, estimate=0.375, ci95=(0.0, 0.75), p_bh=None),
        ],
        "difficulties": [
            Stratum(name="15 min to 1 h", n_instances=4, estimate=0.2, ci95=(-0.2, 0.6), p_bh=0.6)
        ],
        "costs": [
            CostRatio(measure=m, control=c, treatment=t, ratio=t / c, ci95=(lo, hi), n_instances=6)
            for m, c, t, lo, hi in (
                ("prompt_tokens", 388.7, 619.2, 1.31, 1.92),
                ("completion_tokens", 150.0, 169.7, 0.93, 1.38),
                ("wall_s", 2.1, 1.9, 0.6, 1.3),
            )
        ],
        "price": Price(
            control_per_resolved_usd=0.41,
            control_ci95=(0.3, 0.62),
            treatment_per_resolved_usd=0.39,
            treatment_ci95=(0.31, 0.55),
            per_additional_resolved_usd=None,
            per_additional_ci95=None,
        ),
    }
    return asdict(Contrast(**values | changed))
