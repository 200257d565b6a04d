"""The cells of an audit's tables, as the console and audit.md show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contexttune.tasks.audit.held_out import Looks

COLUMNS = (
    *("condition", "budget", "files", "macro", "written out", "any", "symbols", "macro", "MRR"),
    *("named", "chars", "tokens", "build s", "leaking"),
)
DIFFERENCES = ("difference", "budget", "files", "symbols", "MRR")


def note() -> str:
    """What the columns mean."""
    return (
        "In percent, with 95 % bootstrap intervals over instances (six or more): gold files named (macro: mean of repositories), written out "
        "in full, at least one; gold symbols in a block of their file. MRR: of the first gold file. named: distinct files. "
        "Tokens are those of o200k_base, an estimate for other models; seconds are the generator's, median, signals given."
    )


def cells(row: Mapping[str, Any]) -> list[str]:
    """One row of `summary.summarize`, by COLUMNS."""
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
    """What the numbers of a difference are."""
    return (
        f"Differences are a condition's less {reference}'s, paired by instance, in points (MRR: in hundredths), with 95 % bootstrap "
        "intervals over instances (six or more); * where the interval lies on one side of 0: better, or worse."
    )


def difference_cells(row: Mapping[str, Any]) -> list[str]:
    """One row of `paired.differences`, by DIFFERENCES."""
    told = (_points(row[name]) for name in ("file", "symbol", "reciprocal_rank"))
    return [f"{row['condition']} - {row['reference']}", f"{row['budget_chars']:,}", *told]


def _points(difference: Mapping[str, Any] | None) -> str:
    if not difference or not difference["ci95"]:
        return f"{100 * difference['mean']:+.1f}" if difference else "-"
    low, high = (f"{100 * end:.1f}" for end in difference["ci95"])
    return f"{100 * difference['mean']:+.1f} [{low}, {high}]{'*' if difference['verdict'] else ' '}"


def looks_note(looks: Looks) -> str:
    """What held-out instances were used for."""
    counts = ", ".join(f"{name}: {n}" for name, n in looks.settings.items())
    warning = (
        "; the best of several is not what new instances would show"
        if max(looks.settings.values()) > 1
        else ""
    )
    return (
        f"Held out, {looks.n_instances} instances of {len(looks.repos)} repositories: settings measured on them here so far, this one "
        f"included, by condition: {counts}{warning}."
    )
