"""Columns and notes of the audit's tables, on the console and in audit.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contexttune.tasks.audit.held_out import HeldOutUse

COLUMNS = (
    *("condition", "budget", "files", "macro", "written out", "any", "symbols", "macro", "MRR"),
    *("named", "chars", "tokens", "build s", "leaking"),
)
DIFFERENCES = ("difference", "budget", "files", "symbols", "MRR")


def note() -> str:
    """Meaning of the columns."""
    return (
        "Percentages with 95 % bootstrap intervals over instances (six or more). files: gold files named; macro: mean over repositories; "
        "written out: by full path; any: instances with at least one. symbols: gold symbols named among the lines of their file. MRR: mean "
        "reciprocal rank of the first gold file. named: distinct files. tokens: by o200k_base, an estimate for other models. build s: median, "
        "without signals."
    )


def cells(row: Mapping[str, Any]) -> list[str]:
    """Cells of a row of `means.summarize`, by COLUMNS."""
    return [
        row["condition"],
        f"{row['budget_chars']:,}",
        _share(row["file"]),
        _percent(row["file"], "macro"),
        _percent(row["file_literal"]),
        _percent(row["any_hit"]),
        _share(row["symbol"]),
        _percent(row["symbol"], "macro"),
        f"{row['reciprocal_rank']['mean']:.2f}" if row["reciprocal_rank"] else "-",
        *(f"{row[name]['mean']:,.0f}" if row[name] else "-" for name in ("n_files", "n_chars", "n_tokens")),
        f"{row['build_s']:.3f}",
        str(row["n_leaking"] or ""),
    ]


def _percent(mean: Mapping[str, Any] | None, key: str = "mean") -> str:
    return f"{100 * mean[key]:.1f}" if mean else "-"


def _share(mean: Mapping[str, Any] | None) -> str:
    if not mean or not mean["ci95"]:
        return _percent(mean)
    low, high = mean["ci95"]
    return f"{_percent(mean)} [{100 * low:.0f}, {100 * high:.0f}]"


def difference_note(reference: str) -> str:
    """Meaning of the numbers in the table of differences."""
    return (
        f"Differences are condition minus {reference}, paired by instance, in percentage points (MRR: in hundredths), with 95 % bootstrap "
        "intervals over instances (six or more). * marks an interval on one side of 0: better or worse."
    )


def difference_cells(row: Mapping[str, Any]) -> list[str]:
    """Cells of a row of `paired.differences`, by DIFFERENCES."""
    points = (_points(row[name]) for name in ("file", "symbol", "reciprocal_rank"))
    return [f"{row['condition']} - {row['reference']}", f"{row['budget_chars']:,}", *points]


def _points(difference: Mapping[str, Any] | None) -> str:
    if not difference or not difference["ci95"]:
        return f"{100 * difference['mean']:+.1f}" if difference else "-"
    low, high = (f"{100 * end:.1f}" for end in difference["ci95"])
    return f"{100 * difference['mean']:+.1f} [{low}, {high}]{'*' if difference['verdict'] else ' '}"


def held_out_note(use: HeldOutUse) -> str:
    """How many settings have been measured on the held-out instances."""
    counts = ", ".join(f"{name}: {n}" for name, n in use.settings.items())
    several = max(use.settings.values()) > 1
    warning = "; the best of several is not an estimate for new instances" if several else ""
    return (
        f"Settings measured here on these {use.n_instances} held-out instances of {len(use.repos)} repositories, including this one: "
        f"{counts}{warning}."
    )
