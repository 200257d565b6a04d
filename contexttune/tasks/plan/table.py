"""A plan on the console: a table of numbers of seeds, what it rests on, and what it comes to in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.markup import escape

from contexttune.analysis.number_format import effect
from contexttune.system.progress import console, plain_table
from contexttune.tasks.plan.assumptions import Range
from contexttune.tasks.plan.study import Seeds, Study

if TYPE_CHECKING:
    from rich.table import Table

_WORDS = {
    "resolve_rate": "resolve rate of the control",
    "icc": "correlation of two seeds of an instance",
    "tau": "SD of the effect between instances, logits",
    "calls": "model calls an attempt",
    "prompt_tokens": "tokens in, an attempt",
    "cached_share": "share of them read from a cache",
    "completion_tokens": "tokens out, an attempt",
    "usd": "USD an attempt",
    "wall_s": "seconds an attempt",
    "disk_mb": "MB of disk an attempt",
    "image_gb": "GB of image an instance",
}
_UNITS = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def show(study: Study, seeds: Sequence[int], left_out: Sequence[str]) -> None:
    """Print it; `left_out` are sentences on what is in no number of it."""
    out = console()
    planned = [study.of(n_seeds) for n_seeds in sorted(set(seeds))]
    out.print(_seeds(study, planned))
    out.print(_facts(study))
    for line in (*_answer(study, planned), *_remarks(study), *left_out):
        out.print(line, highlight=False, soft_wrap=True, markup=False)


def number(value: float) -> str:
    """A few digits, with k, M or G from a thousand on."""
    for size, unit in _UNITS:
        if value >= size:
            return f"{_digits(value / size)}{unit}"
    return _digits(value)


def _digits(value: float) -> str:
    if value >= 10 or value == 0:
        return f"{value:,.0f}"
    return f"{value:.1f}".removesuffix(".0") if value >= 1 else f"{value:.2g}"


def span(values: Range | None) -> str:
    """`low-high`, or one number where they read the same."""
    if values is None:
        return "-"
    low, high = number(values.low), number(values.high)
    return low if low == high else f"{low}-{high}"


def points(size: float | None) -> str:
    """In percentage points, 5 and not 5.0."""
    return effect(size).removesuffix(".0")


def _seeds(study: Study, planned: Sequence[Seeds]) -> Table:
    """A column a number of seeds: a terminal is less wide than a plan has rows."""
    shown = plain_table(f"{study.n_instances:,} instances, {study.n_conditions} conditions")
    shown.add_column("", no_wrap=True)
    for seeds in planned:
        shown.add_column(_seed_words(seeds.n_seeds), justify="right", no_wrap=True)
    rows = [("smallest improvement seen, points", [points(seeds.mde80) for seeds in planned])]
    if study.icc_range and any(seeds.mde80 for seeds in planned):
        low, high = study.icc_range
        rows.append((f"  if seeds correlate by {low:.2f} or {high:.2f}", [_ends(seeds) for seeds in planned]))
    rows += [
        ("runs", [f"{seeds.runs:,}" for seeds in planned]),
        ("attempts", [f"{seeds.attempts:,}" for seeds in planned]),
        ("model calls", [span(seeds.calls) for seeds in planned]),
        ("tokens", [span(seeds.tokens) for seeds in planned]),
        ("USD", [span(seeds.usd) for seeds in planned]),
        (f"hours, {study.workers} at once", [span(seeds.hours) for seeds in planned]),
        ("GB of disk", [span(seeds.disk_gb) for seeds in planned]),
    ]
    for words, cells in rows:
        shown.add_row(words, *cells)
    return shown


def _ends(seeds: Seeds) -> str:
    least, most = seeds.mde80_range or (None, None)
    return f"{points(most)} or {points(least)}"


def _facts(study: Study) -> Table:
    shown = plain_table("what this rests on")
    shown.add_column("", overflow="fold")
    shown.add_column("value", justify="right", no_wrap=True)
    shown.add_column("source", overflow="fold")
    for name, words in _WORDS.items():
        fact = study.facts.get(name)
        if fact is not None and (name != "image_gb" or study.images):
            shown.add_row(words, span(fact), escape(fact.source))
    return shown


def _answer(study: Study, planned: Sequence[Seeds]) -> list[str]:
    """Whether the effect would be seen, and by which designs."""
    wanted, n = _point_words(study.effect), f"{study.n_instances:,} instances"
    if not (more := _enough_instances(study, planned)):
        rate = study.facts["resolve_rate"].low
        return [f"A resolve rate of {rate:.0%} leaves no room for an improvement of {wanted}."]
    if any(seeds.mde80 is not None and seeds.mde80 <= study.effect for seeds in planned):
        lines = []
    else:
        numbers = _either([str(seeds.n_seeds) for seeds in planned])
        lines = [f"You will not see an effect of {wanted} with {n} and {_seed_words(numbers)}."]
    needed = study.design(1).seeds_needed(study.effect)
    if needed is None:
        lines.append(f"No number of seeds on these {n} is enough to see {wanted}.")
    else:
        taken = study.of(needed)
        usd = f", USD {span(taken.usd)}" if taken.usd else ""
        lines.append(
            f"It takes {_seed_words(needed)} on these {n} to see {wanted}{_if_less_alike(study, needed)}: "
            f"{taken.attempts:,} attempts, {span(taken.tokens)} tokens{usd}."
        )
    return [*lines, f"Instances that would see it: {', '.join(more)}."]


def _if_less_alike(study: Study, needed: int) -> str:
    """How many seeds it takes where two of them correlate as little as the assumed range allows."""
    if study.icc_range is None:
        return ""
    more = study.design(1, study.icc_range[0]).seeds_needed(study.effect)
    if more == needed:
        return ""
    return f" ({more or 'none is enough'} if they correlate by {study.icc_range[0]:.2f})"


def _enough_instances(study: Study, planned: Sequence[Seeds]) -> list[str]:
    found = {seeds.n_seeds: study.design(seeds.n_seeds).instances_needed(study.effect) for seeds in planned}
    return [f"{n:,} with {_seed_words(k)}" for k, n in found.items() if n is not None]


def _remarks(study: Study) -> list[str]:
    """How to read the table."""
    lines = [
        "Seen: found in 80 of 100 repetitions, at 5 % two-sided. Hours: of attempts, one run after the other, without grading."
    ]
    if study.n_conditions > 2:
        lines.append(
            f"The p of {study.n_conditions - 1} treatments is corrected (Holm), which asks for more than the table says."
        )
    return lines


def _point_words(effect: float) -> str:
    said = points(effect)
    return f"{said} point" if said == "1" else f"{said} points"


def _seed_words(n: int | str) -> str:
    return f"{n} seed" if str(n) == "1" else f"{n} seeds"


def _either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"
