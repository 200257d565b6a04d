"""Rows and sentences of a summary as text, shared by summary.md, the console tables and report.html.

A row maps headings to texts. Differences, their intervals and MDEs are in percentage points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from contexttune.analysis.number_format import (
    NONE,
    amount,
    effect,
    interval,
    number,
    p_value,
    percent,
    plural,
    points,
    ratio,
    usd,
)
from contexttune.instances import health_records

Json = Mapping[str, Any]
TextRow = dict[str, str]


class PlotRow(NamedTuple):
    """A row with the value and interval that a plot shows."""

    texts: TextRow
    value: float | None
    ci95: Sequence[float] | None


CONTRAST_NOTE = "differences in percentage points, costs as ratios treatment / control"
_MEASURES = {
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "n_calls": "model calls",
    "n_steps": "steps",
    "cost_usd": "USD",
    "wall_s": "seconds",
    "steps_to_patch": "steps to the first patched file",
}


def caveats(summary: Json) -> list[str]:
    """Caveats to read before quoting a number, the most serious first."""
    found = list(summary["warnings"])
    states = Counter(cell["state"] for cell in summary["cells"])
    if unfinished := [f"{n} {state}" for state, n in sorted(states.items()) if state != "finished"]:
        cells = f"Of {plural(states.total(), 'cell')}, {', '.join(unfinished)}"
        found.append(f"{cells}: run the same command again to finish them.")
    if summary["health"]:
        found.append(health_records.words(summary["health"]))
    if flaky := {entry["instance_id"] for entry in summary["flaky"]}:
        found.append(
            f"Flaky gradings: {plural(len(flaky), 'instance')} got another verdict when graded again."
        )
    return found


def condition_rows(summary: Json) -> list[TextRow]:
    """One row per condition, the control first."""
    rows = []
    for name in control_first(summary):
        arm = summary["conditions"][name]
        outcomes = arm["outcomes"]
        rows.append(
            {
                "Condition": name,
                "Runs": str(arm["runs"]),
                "Resolved": f"{arm['resolved']}/{arm['total']}",
                "Rate": percent(arm["rate"]),
                "95 % interval": interval(arm["rate_ci95"], percent),
                "Unresolved": str(outcomes["unresolved"]),
                "Empty": str(outcomes["empty_patch"]),
                "Error": str(outcomes["error"]),
                "At a limit": str(arm["attempts"]["limit"]),
                "Missing": str(outcomes["infra_error"] + outcomes["missing"]),
                "Calls": number(arm["n_calls"]),
                "Tokens in": number(arm["prompt_tokens"]),
                "Tokens out": number(arm["completion_tokens"]),
                "USD": usd(arm["cost_usd"]),
            }
        )
    return rows


def control_first(summary: Json) -> list[str]:
    """Names of the conditions: the control, then the others sorted."""
    control = summary["analysis"]["control"]
    return sorted(summary["conditions"], key=lambda name: (name != control, name))


def seed_rows(summary: Json) -> list[TextRow]:
    """Variation between seeds, one row per condition with several."""
    return [
        {
            "Condition": name,
            "Seeds": str(repeats["n_seeds"]),
            "ICC of two seeds": ratio(repeats["icc"]),
            "SD of a run's rate, points": effect(repeats["run_sd"]),
            "Discordant pairs of seeds": percent(repeats["discordant"]),
        }
        for name, repeats in _repeats(summary)
    ]


def pass_rows(summary: Json) -> list[TextRow]:
    """pass@k and pass^k, one row per condition with several seeds and k."""
    return [
        {
            "Condition": name,
            "k": k,
            "pass@k": percent(share),
            "pass^k": percent(repeats["pass_hat_k"][k]),
        }
        for name, repeats in _repeats(summary)
        for k, share in repeats["pass_at_k"].items()
    ]


def _repeats(summary: Json) -> list[tuple[str, Json]]:
    found = [(name, summary["conditions"][name]["repeats"]) for name in control_first(summary)]
    return [(name, repeats) for name, repeats in found if repeats and repeats["n_seeds"] > 1]


def contrast_rows(contrasts: Iterable[Json]) -> list[TextRow]:
    """Main numbers, one row per contrast."""
    return list(map(_contrast_row, contrasts))


def _contrast_row(contrast: Json) -> TextRow:
    delta = contrast["delta"] or {}
    ratios = {cost["measure"]: cost["ratio"] for cost in contrast["costs"]}
    return {
        "Treatment": contrast["treatment"],
        "Control": contrast["control"],
        "Instances": str(contrast["n_instances"]),
        "Seeds": str(contrast["n_seeds"]),
        "Difference": points(delta.get("estimate")),
        "95 % interval": interval(delta.get("ci95"), points),
        "MDE": effect(delta.get("mde80")),
        "p": p_value(delta.get("p_holm")),
        "Tokens in": ratio(ratios.get("prompt_tokens")),
        "USD": ratio(ratios.get("cost_usd")),
        "Verdict": contrast["verdict"],
    }


def contrast_facts(contrast: Json) -> TextRow:
    """Estimate, intervals and tests of one contrast; {} without an estimate."""
    delta, equivalence = contrast["delta"], contrast["equivalence"]
    if delta is None:
        return {}
    facts = {
        "Difference, points": points(delta["estimate"]),
        "95 % interval": interval(delta["ci95"], points),
        "Minimum detectable effect (80 % power), points": effect(delta["mde80"]),
        f"p, {delta['method']}": p_value(delta["p"]),
        "p after Holm's correction": p_value(delta["p_holm"]),
        "p, sign-flip permutation test": p_value(delta["p_permutation"]),
    }
    if delta["p_exact"] is not None:
        facts["p, exact McNemar test"] = p_value(delta["p_exact"])
    if equivalence:
        facts[f"p of equivalence within {effect(equivalence['margin'])} points"] = p_value(equivalence["p"])
        facts["90 % interval"] = interval(delta["ci90"], points)
    return facts


def missing_rows(contrasts: Iterable[Json]) -> list[TextRow]:
    """Missing results and their possible influence, one row per contrast."""
    return [
        {
            "Treatment": contrast["treatment"],
            "Missing in the control": "{} of {}".format(*missing["control"]),
            "Missing in the treatment": "{} of {}".format(*missing["treatment"]),
            "Fisher's p": p_value(missing["p_fisher"]),
            "Unequal": "yes" if missing["is_unequal"] else "no",
            "Difference, worst to best case": interval(missing["bounds"], points),
            "Verdicts at these bounds": ", ".join(missing["bounds_verdicts"]),
        }
        for contrast in contrasts
        if (missing := contrast["missing"])
    ]


def cost_rows(contrast: Json) -> list[PlotRow]:
    """One row per cost ratio."""
    return [
        PlotRow(
            {
                "Per attempt": _MEASURES[cost["measure"]],
                "Control": amount(cost["control"]),
                "Treatment": amount(cost["treatment"]),
                "Ratio": ratio(cost["ratio"]),
                "95 % interval": interval(cost["ci95"], ratio),
                "Instances": str(cost["n_instances"]),
            },
            cost["ratio"],
            cost["ci95"],
        )
        for cost in contrast["costs"]
    ]


def price_sentence(contrast: Json) -> str:
    """USD per resolved instance; "" where no cost is known."""
    price = contrast["price"]
    if not price:
        return ""
    control, treatment, additional = (
        usd(price[f"{key}_usd"]) + (f" ({interval(price[ci95], usd)})" if price[ci95] else "")
        for key, ci95 in (
            ("control_per_resolved", "control_ci95"),
            ("treatment_per_resolved", "treatment_ci95"),
            ("per_additional_resolved", "per_additional_ci95"),
        )
    )
    if price["per_additional_resolved_usd"] is None:
        additional = "undefined, because the treatment may not resolve more"
    return (
        f"USD per resolved instance: {control} in the control, {treatment} in the treatment; "
        f"per additional resolved instance: {additional}."
    )


def strata(contrast: Json) -> list[list[PlotRow]]:
    """Differences of the whole slice, by repository, by difficulty and leaving one repository out, where known."""
    whole = []
    if contrast["delta"]:
        whole.append({"name": "all instances", "n_instances": contrast["n_instances"], **contrast["delta"]})
    if mean := contrast["repository_mean"]:
        name = f"{mean['n_repositories']} repositories weighted equally"
        whole.append({"name": name, "n_instances": None, **mean})
    found = [
        ("Instances", whole),
        ("By repository", contrast["repositories"]),
        ("By difficulty", contrast["difficulties"]),
        ("Leaving one repository out", contrast["without_repository"]),
    ]
    return [[_stratum(title, one) for one in rows] for title, rows in found if rows]


def _stratum(title: str, stratum: Json) -> PlotRow:
    texts = {
        title: stratum["name"],
        "n": NONE if stratum["n_instances"] is None else f"{stratum['n_instances']:,}",
        "Difference": points(stratum["estimate"]),
        "95 % interval": interval(stratum["ci95"], points),
    }
    return PlotRow(texts, stratum["estimate"], stratum["ci95"])


def cell_rows(summary: Json) -> list[TextRow]:
    """Cells that are not finished, and why."""
    return [
        {"Run": cell["run_id"], "State": cell["state"], "Reason": cell["reason"]}
        for cell in summary["cells"]
        if cell["state"] != "finished"
    ]


def without_empty_columns(rows: Sequence[TextRow]) -> list[TextRow]:
    """Drop the columns without a value in any row."""
    kept = [name for name in (rows[0] if rows else ()) if any(row[name] != NONE for row in rows)]
    return [{name: row[name] for name in kept} for row in rows]
