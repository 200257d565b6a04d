"""The cells of an audit's tables, as the console and audit.md show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = (
    *("condition", "budget", "files", "macro", "written out", "any", "symbols", "macro", "MRR"),
    *("named", "chars", "tokens", "build s", "leaking"),
)


def note() -> str:
    """What the columns mean."""
    return (
        "In percent, with 95 % bootstrap intervals over instances: gold files named (macro: mean of repositories), written out "
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
