"""Prints a plan: a table by number of seeds, its assumptions, and a conclusion in words."""

from __future__ import annotations

from collections.abc import Sequence

from contexttune.analysis.number_format import effect, plural, short
from contexttune.report.tables import print_lines, print_table
from contexttune.tasks.plan.assumptions import Range
from contexttune.tasks.plan.study import SeedPlan, Study

_LABELS = {
    "resolve_rate": "resolve rate of the control",
    "icc": "correlation of two seeds of an instance",
    "tau": "SD of the effect between instances, logits",
    "calls": "model calls per attempt",
    "prompt_tokens": "prompt tokens per attempt",
    "cached_share": "share of prompt tokens read from the cache",
    "completion_tokens": "completion tokens per attempt",
    "usd": "USD per attempt",
    "wall_s": "seconds per attempt",
    "disk_mb": "MB of disk per attempt",
    "image_gb": "GB of image per instance",
}


def show(study: Study, seeds: Sequence[int], notes: Sequence[str]) -> None:
    """Print the plan; `notes` are sentences on what its numbers do not include."""
    planned = [study.with_seeds(n_seeds) for n_seeds in sorted(set(seeds))]
    rows = _seeds(study, planned)
    title = f"{study.n_instances:,} instances, {study.n_conditions} conditions"
    print_table(title, rows, text=("",), whole=rows[0])
    print_table("assumptions", _facts(study), text=("", "source"), whole=("value",))
    print_lines([*_answer(study, planned), *_remarks(study), *notes])


def number(value: float) -> str:
    """A number rounded for reading, in k, M or G from a thousand on."""
    return short(value, _digits)


def _digits(value: float) -> str:
    if value >= 10 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}"


def span(values: Range | None) -> str:
    """`low-high`, or one number if both read the same; `-` for None."""
    if values is None:
        return "-"
    low, high = number(values.low), number(values.high)
    return low if low == high else f"{low}-{high}"


def points(size: float | None) -> str:
    """A difference in percentage points: `5`, not `5.0`."""
    return effect(size).removesuffix(".0")


def _seeds(study: Study, planned: Sequence[SeedPlan]) -> list[dict[str, str]]:
    """One column for each number of seeds, which fits a terminal better than one row."""
    cells = {"smallest detectable improvement, points": [points(seeds.mde80) for seeds in planned]}
    if study.icc_range and any(seeds.mde80 for seeds in planned):
        low, high = study.icc_range
        ends = [seeds.mde80_range or (None, None) for seeds in planned]
        label = f"  if seeds correlate {low:.2f} or {high:.2f}"
        cells[label] = [f"{points(most)} or {points(least)}" for least, most in ends]
    cells |= {
        "runs": [f"{seeds.runs:,}" for seeds in planned],
        "attempts": [f"{seeds.attempts:,}" for seeds in planned],
        "model calls": [span(seeds.calls) for seeds in planned],
        "tokens": [span(seeds.tokens) for seeds in planned],
        "USD": [span(seeds.usd) for seeds in planned],
        f"hours, {study.workers} at once": [span(seeds.hours) for seeds in planned],
        "GB of disk": [span(seeds.disk_gb) for seeds in planned],
    }
    headings = [plural(seeds.n_seeds, "seed") for seeds in planned]
    return [{"": label, **dict(zip(headings, texts, strict=True))} for label, texts in cells.items()]


def _facts(study: Study) -> list[dict[str, str]]:
    return [
        {"": label, "value": span(fact), "source": fact.source}
        for name, label in _LABELS.items()
        if (fact := study.facts.get(name)) and (name != "image_gb" or study.images)
    ]


def _answer(study: Study, planned: Sequence[SeedPlan]) -> list[str]:
    """Whether the planned effect is detectable, and with which designs."""
    n, size = f"{study.n_instances:,} instances", points(study.effect)
    wanted = f"{size} point" if size == "1" else f"{size} points"
    enough = {seeds.n_seeds: study.design(seeds.n_seeds).instances_needed(study.effect) for seeds in planned}
    more = [f"{found:,} with {plural(k, 'seed')}" for k, found in enough.items() if found is not None]
    if not more:
        rate = study.facts["resolve_rate"].low
        return [f"A resolve rate of {rate:.0%} leaves no room for an improvement of {wanted}."]
    if any(seeds.mde80 is not None and seeds.mde80 <= study.effect for seeds in planned):
        lines = []
    else:
        *others, last = (seeds.n_seeds for seeds in planned)
        numbers = (f"{', '.join(map(str, others))} or " if others else "") + plural(last, "seed")
        lines = [f"An effect of {wanted} is not detectable with {n} and {numbers}."]
    needed = study.design(1).seeds_needed(study.effect)
    if needed is None:
        lines.append(f"No number of seeds on these {n} is enough to detect {wanted}.")
    else:
        taken = study.with_seeds(needed)
        usd = f", USD {span(taken.usd)}" if taken.usd else ""
        lines.append(
            f"Detecting {wanted} on these {n} takes {plural(needed, 'seed')}{_at_low_icc(study, needed)}: "
            f"{taken.attempts:,} attempts, {span(taken.tokens)} tokens{usd}."
        )
    return [*lines, f"Instances needed instead: {', '.join(more)}."]


def _at_low_icc(study: Study, needed: int) -> str:
    """The number of seeds needed at the low end of the assumed icc, if it differs."""
    if study.icc_range is None:
        return ""
    more = study.design(1, study.icc_range[0]).seeds_needed(study.effect)
    if more == needed:
        return ""
    return f" ({more or 'no number is enough'} if they correlate {study.icc_range[0]:.2f})"


def _remarks(study: Study) -> list[str]:
    """Definitions of the terms in the table."""
    lines = [
        "Detectable: with 80 % power at the two-sided 5 % level. Hours: attempts only, one run after the other, without grading."
    ]
    if study.n_conditions > 2:
        lines.append(
            f"p values of {study.n_conditions - 1} treatments are corrected (Holm), which requires more than the table shows."
        )
    return lines
