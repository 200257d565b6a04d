"""Values of summary.json for the page's template: texts made safe, marks with their positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contexttune.analysis.number_format import effect
from contexttune.report import table_rows
from contexttune.report.cell_states import run_of
from contexttune.report.page import plots
from contexttune.report.page.escape import visible

Json = Mapping[str, Any]


def sections(summary: Json) -> dict[str, Any]:
    """Variables of the template that depend on the summary alone, whose texts are safe."""
    return {
        "summary": summary,
        "forest": _forest(summary),
        "costs": _costs(summary),
        "run_rows": run_rows(summary),
        "packages": sorted({_packages(run) for run in summary["runs"]} - {""}),
    }


def _forest(summary: Json) -> dict[str, Any] | None:
    """Differences of all contrasts and their strata on one axis; None without an estimate."""
    contrasts = [(one, table_rows.strata(one)) for one in summary["contrasts"] if one["delta"]]
    if not contrasts:
        return None
    margin = summary["analysis"]["margin"]
    rows = [[row for stratum in strata for row in stratum] for _, strata in contrasts]
    axis = plots.difference_axis(
        [_bounds(own[0]) for own in rows], [_bounds(row) for own in rows for row in own[1:]], margin
    )
    marks = [(one, [[_mark(row, axis) for row in rows] for rows in strata]) for one, strata in contrasts]
    return {"axis": axis, "contrasts": marks, "margin": effect(margin)}


def _costs(summary: Json) -> dict[str, Any] | None:
    """Cost ratios of all contrasts on one axis; None if there are none."""
    contrasts = [(one, table_rows.cost_rows(one)) for one in summary["contrasts"] if one["costs"]]
    if not contrasts:
        return None
    axis = plots.ratio_axis([end for _, rows in contrasts for row in rows for end in _bounds(row)])
    marks = [(one, [_mark(row, axis) for row in rows]) for one, rows in contrasts]
    return {"axis": axis, "contrasts": marks}


def _bounds(row: table_rows.PlotRow) -> list[float]:
    return [value for value in (row.value, *(row.ci95 or ())) if value is not None]


def _mark(row: table_rows.PlotRow, axis: Json) -> dict[str, Any]:
    """The texts of a row, and the positions of its mark and interval."""
    if row.value is None:
        return {"texts": row.texts, "x": None, "beyond": (False, False), "has_interval": False}
    return {"texts": row.texts, "has_interval": bool(row.ci95), **plots.placed(row.value, row.ci95, axis)}


def run_rows(summary: Json) -> list[dict[str, str]]:
    """One row per cell: its state, and the settings and versions of its run."""
    runs = {run["run_id"]: run for run in summary["runs"]}
    return [
        _run_row(cell, runs.get(cell["run_id"]) or runs.get(run_of(cell["run_id"])) or {})
        for cell in summary["cells"]
    ]


def _run_row(cell: Json, run: Json) -> dict[str, str]:
    manifest = run.get("manifest") or {}
    code, harness = manifest.get("contexttune") or {}, manifest.get("harness") or {}
    commit = str(code.get("commit") or "")[:12] + ("+changes" if code.get("dirty") else "")
    return {
        "Run": cell["run_id"],
        "Condition": cell["condition"],
        "Seed": str(cell["seed"]),
        "State": ": ".join(filter(None, [cell["state"], cell["reason"]])),
        "Model": run.get("model_name_or_path") or "",
        "Settings digest": manifest.get("settings_digest") or "",
        "Rows digest": manifest.get("rows_digest") or "",
        "ContextTune": " ".join(filter(None, [code.get("version"), commit])),
        "Harness": " ".join(filter(None, [harness.get("name"), harness.get("swebench")])),
        "Python": manifest.get("python") or "",
    }


def _packages(run: Json) -> str:
    packages = run["manifest"].get("packages") or {}
    return ", ".join(f"{name} {version}" for name, version in sorted(packages.items()) if version)


def safe(value: Any) -> Any:
    """Apply `visible` to all texts in `value`, keys included, because some keys are condition names."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, Mapping):
        return {safe(key): safe(own) for key, own in value.items()}
    if isinstance(value, list | tuple):
        return [safe(own) for own in value]
    return value
