"""summary.md: a group's answer on a page, for people and pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from contexttune.analysis.number_format import (
    NONE,
    amount,
    chance,
    counted,
    effect,
    interval,
    number,
    percent,
    percents,
    points,
    times,
    usd,
)
from contexttune.instances import health_records

_LISTED = 30  # discordant instances of a contrast; instances.csv has all


def page(summary: Mapping[str, Any]) -> str:
    """The page of a summary."""
    lines = [f"# {_text(summary['group_id'])}"]
    for contrast in summary["contrasts"]:
        lines += ["", f"**{_text(contrast['sentence'])}**"]
    ceiling = [health_records.words(summary["health"])] if summary["health"] else []
    lines += _listed([*summary["warnings"], *ceiling])
    lines += _conditions(summary)
    for contrast in summary["contrasts"]:
        lines += _contrast(contrast)
    return "\n".join([*lines, *_tail(summary)]) + "\n"


def comparison(record: Mapping[str, Any]) -> str:
    """The page of a comparison; one that was forced says so above each of its tables."""
    differing = _text("; ".join(record["differing"]))
    forced = (
        [f"**Forced**: these groups differ in more than the condition: {differing}", ""] if differing else []
    )
    lines = [
        f"# {_text(' against '.join(reversed(record['groups'])))}",
        *_listed(record["remarks"]),
        "",
        *forced,
    ]
    rows = [
        (
            *(one["treatment"], one["control"], one["n_instances"], one["n_seeds"]),
            *(points((one["delta"] or {}).get("estimate")), interval((one["delta"] or {}).get("ci95"))),
            *(
                effect((one["delta"] or {}).get("mde80")),
                chance((one["delta"] or {}).get("p_holm")),
                one["verdict"],
            ),
        )
        for one in record["contrasts"]
    ]
    head = (
        "",
        "against",
        "instances",
        "seeds",
        "difference, points",
        "95 % interval",
        "MDE, points",
        "p",
        "verdict",
    )
    lines += _table(head, rows)
    for contrast in record["contrasts"] if len(record["groups"]) > 1 else ():
        lines += ["", f"**{_text(contrast['sentence'])}**", *_contrast(contrast, forced)]
    return "\n".join(lines) + "\n"


def _listed(sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield from ("", "Before you quote a number:", "", *(f"- {_text(words)}" for words in sentences))


def _conditions(summary: Mapping[str, Any]) -> Iterator[str]:
    rows = []
    for name, arm in summary["conditions"].items():
        kinds, repeats = arm["outcomes"], arm["repeats"] or {}
        rows.append(
            (
                *(name, arm["runs"], f"{arm['resolved']}/{arm['total']}", percent(arm["rate"])),
                percents(arm["rate_ci95"]),
                *(kinds["empty_patch"], kinds["error"], arm["attempts"]["limit"]),
                kinds["infra_error"] + kinds["missing"],
                *(number(arm[key]) for key in ("n_calls", "prompt_tokens", "completion_tokens")),
                usd(arm["cost_usd"]),
                effect(repeats.get("run_sd")),
                NONE if repeats.get("icc") is None else f"{repeats['icc']:.2f}",
            )
        )
    head = (
        *("condition", "runs", "resolved", "rate", "95 % interval", "empty", "error", "limit", "missing"),
        *("calls", "tokens in", "tokens out", "USD", "SD of a run, points", "ICC of seeds"),
    )
    yield from ("", "## Conditions", "", *_table(head, rows))
    passes = [
        (name, k, percent(share), percent(arm["repeats"]["pass_hat_k"][k]))
        for name, arm in summary["conditions"].items()
        if arm["repeats"] and arm["repeats"]["n_seeds"] > 1
        for k, share in arm["repeats"]["pass_at_k"].items()
    ]
    if passes:
        yield from ("", *_table(("condition", "k", "pass@k", "pass^k"), passes))


def _contrast(contrast: Mapping[str, Any], above: Sequence[str] = ()) -> Iterator[str]:
    yield from ("", f"## {_text(contrast['treatment'])} against {_text(contrast['control'])}", "", *above)
    for tables in (_delta, _costs, _parts, _discordant):
        yield from tables(contrast)


def _delta(contrast: Mapping[str, Any]) -> Iterator[str]:
    delta, missing, same = contrast["delta"], contrast["missing"], contrast["equivalence"]
    yield (
        f"{counted(contrast['n_instances'], 'instance')} x {counted(contrast['n_seeds'], 'seed')}, "
        f"{counted(contrast['n_pairs'], 'pair')} of results."
    )
    if delta:
        rows = [
            ("difference, points", points(delta["estimate"])),
            ("95 % interval", interval(delta["ci95"])),
            ("smallest effect seen with 80 % power", effect(delta["mde80"])),
            (f"p ({delta['method']})", chance(delta["p"])),
            ("p after Holm", chance(delta["p_holm"])),
            ("p, sign flips", chance(delta["p_permutation"])),
        ]
        if delta["p_exact"] is not None:
            rows.append(("p, exact McNemar", chance(delta["p_exact"])))
        if same:
            rows.append(
                (
                    f"p of a difference of {effect(same['margin'])} points or more, either way",
                    chance(same["p"]),
                )
            )
            rows.append(("90 % interval", interval(delta["ci90"])))
        yield from ("", *_table(("", ""), rows))
    yield ""
    if missing["control"][0] == missing["treatment"][0] == 0:
        yield f"Missing: none of {missing['control'][1]} results in either arm."
        return
    lost = [f"{n} of {planned}" for n, planned in (missing["control"], missing["treatment"])]
    yield (
        f"Missing: {lost[0]} results of the control and {lost[1]} of the treatment "
        f"(Fisher's p {chance(missing['p_fisher'])}); the difference would be {interval(missing['bounds'])} points "
        f"if all of them had gone against the treatment, or for it."
    )


def _costs(contrast: Mapping[str, Any]) -> Iterator[str]:
    if contrast["costs"]:
        rows = [
            (
                *(
                    cost["measure"],
                    amount(cost["control"]),
                    amount(cost["treatment"]),
                    times(cost["ratio"]),
                ),
                NONE if cost["ci95"] is None else f"{cost['ci95'][0]:.2f} to {cost['ci95'][1]:.2f}",
            )
            for cost in contrast["costs"]
        ]
        yield from ("", *_table(("an attempt takes", "control", "treatment", "ratio", "95 % interval"), rows))
    price = contrast["price"]
    if price:
        more = price["per_additional_resolved_usd"]
        yield ""
        yield (
            f"USD per resolved instance: {usd(price['control_per_resolved_usd'])} in the control, "
            f"{usd(price['treatment_per_resolved_usd'])} in the treatment; "
            f"per additional one: {'not defined, as there may be none' if more is None else usd(more)}."
        )


def _parts(contrast: Mapping[str, Any]) -> Iterator[str]:
    mean = contrast["repository_mean"]
    for title, key in (
        ("repository", "repositories"),
        ("difficulty", "difficulties"),
        ("without", "without_repository"),
    ):
        rows = [
            (s["name"], s["n_instances"], points(s["estimate"]), interval(s["ci95"])) for s in contrast[key]
        ]
        if key == "repositories" and mean:
            rows.append(
                (
                    "every repository once",
                    mean["n_repositories"],
                    points(mean["estimate"]),
                    interval(mean["ci95"]),
                )
            )
        if rows:
            yield from ("", *_table((title, "n", "difference, points", "95 % interval"), rows))


def _discordant(contrast: Mapping[str, Any]) -> Iterator[str]:
    for title, key in (("Gained", "gained"), ("Lost", "lost")):
        names = [one["instance_id"] for one in contrast[key]]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        yield from ("", f"{title} ({len(names)}): {_text(', '.join(names[:_LISTED]) or 'none')}{more}")


def _tail(summary: Mapping[str, Any]) -> Iterator[str]:
    unfinished = [cell for cell in summary["cells"] if cell["state"] != "finished"]
    if unfinished:
        rows = [(cell["run_id"], cell["state"], cell["reason"]) for cell in unfinished]
        yield from ("", "## Cells that are not finished", "", *_table(("run", "state", "why"), rows))


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_text(str(value)) for value in row)} |"


def _text(words: str) -> str:
    """As it is: nothing in a name or a message may become markup."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(words.split())).replace(r"\_", "_")
