"""summary.md and comparison pages, for people and pull requests."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from contexttune.analysis.number_format import plural
from contexttune.report import table_rows

_LISTED = 30  # discordant instances per contrast; instances.csv has all


def summary_page(summary: Mapping[str, Any]) -> str:
    """summary.json as Markdown."""
    lines = [f"# {_text(summary['group_id'])}"]
    for contrast in summary["contrasts"]:
        lines += ["", f"**{_text(contrast['sentence'])}**"]
    lines += _caveats(table_rows.caveats(summary))
    lines += ["", "## Conditions", *_table(table_rows.condition_rows(summary))]
    lines += [*_table(table_rows.seed_rows(summary)), *_table(table_rows.pass_rows(summary))]
    for contrast in summary["contrasts"]:
        lines += _contrast(contrast)
    if cells := table_rows.cell_rows(summary):
        lines += ["", "## Unfinished cells", *_table(cells)]
    return "\n".join(lines) + "\n"


def comparison_page(record: Mapping[str, Any]) -> str:
    """A comparison as Markdown; a forced one says so above each of its tables."""
    forced = []
    if record["differing"]:
        differing = _text("; ".join(record["differing"]))
        forced = ["", f"**Forced**: these groups differ in more than the condition: {differing}"]
    lines = [f"# {_text(' against '.join(reversed(record['groups'])))}"]
    lines += [*_caveats(record["remarks"]), *forced]
    lines += _table([table_rows.contrast_row(contrast) for contrast in record["contrasts"]])
    lines += ["", f"p after Holm's correction; {table_rows.CONTRAST_NOTE}."]
    for contrast in record["contrasts"] if len(record["groups"]) > 1 else ():
        lines += ["", f"**{_text(contrast['sentence'])}**", *_contrast(contrast, forced)]
    return "\n".join(lines) + "\n"


def _caveats(sentences: Sequence[str]) -> Iterator[str]:
    if sentences:
        yield from ("", "Before you quote a number:", "", *(f"- {_text(sentence)}" for sentence in sentences))


def _contrast(contrast: Mapping[str, Any], above: Sequence[str] = ()) -> Iterator[str]:
    yield from ("", f"## {_text(contrast['treatment'])} against {_text(contrast['control'])}", *above, "")
    yield (
        f"{plural(contrast['n_instances'], 'instance')} x {plural(contrast['n_seeds'], 'seed')}, "
        f"{plural(contrast['n_pairs'], 'pair')} of results."
    )
    facts = table_rows.contrast_facts(contrast).items()
    yield from _table([{"Estimate": name, "Value": value} for name, value in facts])
    yield from _table([table_rows.missing_row(contrast)])
    yield from _table([row.texts for row in table_rows.cost_rows(contrast)])
    if price := table_rows.price_sentence(contrast):
        yield from ("", _text(price))
    for strata in table_rows.strata(contrast):
        yield from _table([row.texts for row in strata])
    for title, key in (("Gained", "gained"), ("Lost", "lost")):
        names = [one["instance_id"] for one in contrast[key]]
        more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
        yield from ("", f"{title} ({len(names)}): {_text(', '.join(names[:_LISTED]) or 'none')}{more}")


def _table(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """A table after an empty line; nothing if there are no rows."""
    if rows:
        yield from ("", f"| {' | '.join(rows[0])} |", f"|{' --- |' * len(rows[0])}")
    for row in rows:
        yield f"| {' | '.join(map(_text, row.values()))} |"


def _text(text: str) -> str:
    """Escape Markdown, so that names and messages appear literally."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", " ".join(text.split())).replace(r"\_", "_")
