"""summary.json -> what the page's template shows: texts made safe, numbers in words, marks in their places."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contexttune.report.cell_states import run_of
from contexttune.report.page import plots
from contexttune.report.page.escape import visible

Json = Mapping[str, Any]
_MEASURES = {
    "prompt_tokens": "prompt tokens",
    "completion_tokens": "completion tokens",
    "n_calls": "model calls",
    "n_steps": "steps",
    "cost_usd": "USD",
    "wall_s": "seconds",
    "steps_to_patch": "steps to a file that it changes",
}


def conditions_of(summary: Json) -> list[str]:
    """The arms, control first."""
    control = control_of(summary)
    return sorted(summary.get("conditions") or {}, key=lambda name: (name != control, name))


def control_of(summary: Json) -> str:
    contrasts = summary.get("contrasts") or []
    named = (summary.get("analysis") or {}).get("control")
    return str(named or (contrasts[0]["control"] if contrasts else "no_context"))


def warnings(summary: Json) -> list[str]:
    """What limits the worth of these numbers, most serious first."""
    return list(dict.fromkeys(_warnings(summary)))


def _warnings(summary: Json) -> Iterator[str]:
    yield from map(str, summary.get("warnings") or [])
    for contrast in summary.get("contrasts") or []:
        for reason in contrast.get("reasons") or []:
            yield f"{contrast['treatment']}: {reason}"
    states = Counter(cell.get("state") for cell in summary.get("cells") or [])
    for state, n in sorted(states.items()):
        if state != "finished":
            yield f"{n} of {sum(states.values())} cells {'is' if n == 1 else 'are'} {state}; see the runs below."
    yield from _of_health(summary.get("health") or {})
    flaky = {entry["instance_id"] for entry in summary.get("flaky") or []}
    if flaky:
        yield f"The harness disagrees with itself on {len(flaky)} of the instances, marked flaky below."


def _of_health(health: Json) -> Iterator[str]:
    if health.get("excluded"):
        n = len(health["excluded"])
        yield f"{n} unhealthy instances were left out of all arms before any outcome was seen (slice.healthy_only)."
    if health.get("unhealthy"):
        n, n_all = len(health["unhealthy"]), health.get("n_instances")
        yield f"{n} of {n_all} instances are unhealthy here: no arm can win them, or every arm does."


def forest(summary: Json) -> dict[str, Any] | None:
    """Differences of all arms, and of repositories and difficulties within them, on one axis."""
    contrasts = [contrast for contrast in summary.get("contrasts") or [] if contrast.get("delta")]
    if not contrasts:
        return None
    margin = (summary.get("analysis") or {}).get("margin")
    if margin is None:
        margin = next((c["equivalence"]["margin"] for c in contrasts if c.get("equivalence")), 0.0)
    sections = [_sections(contrast) for contrast in contrasts]
    shown = [row for groups in sections for _, rows in groups for row in rows]
    whole, parts = ([_bounds(r) for r in shown if bool(r.get("is_main")) is kind] for kind in (True, False))
    axis = plots.difference_axis(whole, parts, margin)
    placed = [
        {
            "treatment": contrast["treatment"],
            "control": contrast["control"],
            "groups": [(title, [_placed(row, axis) for row in rows]) for title, rows in groups],
        }
        for contrast, groups in zip(contrasts, sections, strict=True)
    ]
    return {"axis": axis, "contrasts": placed, "margin": margin}


def _sections(contrast: Json) -> list[tuple[str, list[Json]]]:
    delta = contrast["delta"]
    whole = [
        {
            "name": f"all {contrast['n_instances']} instances",
            "n_instances": contrast["n_instances"],
            "estimate": delta["estimate"],
            "ci95": delta["ci95"],
            "is_main": True,
        }
    ]
    mean = contrast.get("repository_mean")
    if mean:
        named = {"name": "repositories weighted equally", "n_instances": None}
        whole.append({**named, **{key: mean.get(key) for key in ("estimate", "ci95")}})
    found: list[tuple[str, list[Json]]] = [("", list(whole))]
    for title, key in (("By repository", "repositories"), ("By difficulty", "difficulties")):
        if contrast.get(key):
            found.append((title, list(contrast[key])))
    if len(contrast.get("without_repository") or []) > 1:
        found.append(("Without one repository", list(contrast["without_repository"])))
    return found


def _bounds(row: Json) -> Sequence[float]:
    return row["ci95"] if row.get("ci95") else [row["estimate"]]


def _placed(row: Json, axis: Json) -> dict[str, Any]:
    return {**row, **plots.placed(row["estimate"], row.get("ci95"), axis)}


def costs(summary: Json) -> dict[str, Any] | None:
    """Cost ratios of all arms on one axis."""
    contrasts = [c for c in summary.get("contrasts") or [] if c.get("costs")]
    if not contrasts:
        return None
    known = [cost for c in contrasts for cost in c["costs"] if cost.get("ratio")]
    axis = plots.ratio_axis([value for cost in known for value in [cost["ratio"], *(cost.get("ci95") or [])]])
    return {
        "axis": axis,
        "contrasts": [{**c, "costs": [_cost(x, axis) for x in c["costs"]]} for c in contrasts],
    }


def _cost(cost: Json, axis: Json) -> dict[str, Any]:
    named = {**cost, "name": _MEASURES.get(cost["measure"], cost["measure"])}
    if not cost.get("ratio"):
        return {**named, "x": None, "ci95": None, "beyond": (False, False)}
    return {**named, **plots.placed(cost["ratio"], cost.get("ci95"), axis)}


def runs(summary: Json) -> list[dict[str, Any]]:
    """Cells of the group with what they were made of."""
    made = {run["run_id"]: run for run in summary.get("runs") or []}
    cells = {cell["run_id"]: cell for cell in summary.get("cells") or []}
    named = sorted(cells) or sorted(made)
    return [
        _run(name, made.get(name) or made.get(run_of(name)) or {}, cells.get(name) or {}) for name in named
    ]


def _run(run_id: str, run: Json, cell: Json) -> dict[str, Any]:
    manifest = run.get("manifest") or {}
    code = manifest.get("contexttune") or {}
    packages = manifest.get("packages") or {}
    harness = manifest.get("harness") or {}
    commit = str(code.get("commit") or "")[:12] + ("+changes" if code.get("dirty") else "")
    return {
        "run_id": run_id,
        "condition": run.get("condition") or cell.get("condition"),
        "seed": run.get("seed", cell.get("seed")),
        "state": cell.get("state") or run.get("status"),
        "reason": cell.get("reason") or "",
        "model": run.get("model_name_or_path") or "",
        "settings": manifest.get("settings_digest") or "",
        "rows": manifest.get("rows_digest") or "",
        "code": " ".join(filter(None, [str(code.get("version") or ""), commit])),
        "harness": " ".join(
            filter(None, [str(harness.get("name") or ""), str(harness.get("swebench") or "")])
        ),
        "python": manifest.get("python") or "",
        "packages": ", ".join(f"{k} {v}" for k, v in sorted(packages.items()) if v),
    }


def safe(value: Any) -> Any:
    """`value` with every text in it made visible; keys too, because conditions are keys."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {safe(key): safe(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [safe(own) for own in value]
    return value
