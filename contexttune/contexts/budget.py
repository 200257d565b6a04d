"""Budgets in characters or tokens: hard limits, applied at line ends."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from contexttune.contexts import tokens
from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator
from contexttune.system.warn_once import WarnOnce
from contexttune.types import CardText

log = logging.getLogger(__name__)

Unit = Literal["chars", "tokens"]
"""Values of a condition's `budget_unit`. Tokens are counted by o200k_base, an estimate for other models."""

_SEPARATOR = "\n\n"


@dataclass(frozen=True, kw_only=True)
class Budgeted(ContextGenerator):
    """A condition whose text is cut to a budget."""

    budget: int = 3200
    budget_unit: Unit = "chars"

    def __post_init__(self) -> None:
        require_at_least(1, self, "budget")
        check_unit(self.budget_unit)

    @cached_property
    def warnings(self) -> WarnOnce:
        """A file that several instances share is warned about once."""
        return WarnOnce(log)

    def within_budget(self, text: str, source: str) -> str:
        """`text`, cut to the budget; the first cut of each `source` is a warning."""
        shown = cut_to(text, self.budget, self.budget_unit)
        if shown != text:
            message = "%s is cut to %d of %d characters (condition.budget=%d %s)"
            sizes = len(shown), len(text), self.budget, self.budget_unit
            self.warnings.warn(Path(source), "cut", message, source, *sizes)
        return shown


def require_at_least(minimum: int, condition: ContextGenerator, *keys: str) -> None:
    """Raise ConfigError when a setting of a condition is below `minimum`."""
    for key in keys:
        if (value := getattr(condition, key)) < minimum:
            raise ConfigError(f"condition.{key} must be at least {minimum}, got {value}")


def check_unit(unit: Unit) -> None:
    """Raise ConfigError when the unit cannot be counted on this machine."""
    if unit == "tokens" and tokens.vocabulary() is None:
        raise ConfigError(
            "condition.budget_unit=tokens needs litellm's o200k_base vocabulary, which is not installed: "
            "use condition.budget_unit=chars"
        )


def measure(text: str, unit: Unit) -> int:
    """Length of `text` in `unit`."""
    return len(text) if unit == "chars" else tokens.count(text)


def cut_to(text: str, limit: int, unit: Unit) -> str:
    """The longest run of whole lines from the start of `text` within `limit`.

    In tokens it may be a line shorter than the longest, since tokens can merge across line ends.
    """
    if unit == "chars":
        return cut(text, limit)
    start = text[: limit * tokens.MOST_CHARS + 1]  # text beyond this cannot fit and is not tokenized
    if measure(start, unit) <= limit:
        return text
    lines = start.split("\n")
    n_lines = bisect_right(range(len(lines)), limit, key=lambda n: measure(_lines(lines, n), unit)) - 1
    while n_lines > 0 and measure(_lines(lines, n_lines), unit) > limit:
        n_lines -= 1  # one more line can mean one token less, so the bisection may stop too late
    return _lines(lines, max(n_lines, 0))


def _lines(lines: Sequence[str], n_lines: int) -> str:
    return "\n".join(lines[:n_lines]).rstrip()


def cut(text: str, limit_chars: int) -> str:
    """The longest run of whole lines from the start of `text` within `limit_chars`."""
    if len(text) <= limit_chars:
        return text
    end = text.rfind("\n", 0, limit_chars + 1)
    return text[:end].rstrip() if end > 0 else ""


def heading(name: str) -> str:
    """`where_to_look` -> `## Where to look`."""
    return f"## {name.replace('_', ' ').capitalize()}"


def fit(cards: Sequence[CardText], *, card_chars: int, total_chars: int) -> list[CardText]:
    """Cards with headings, each within `card_chars`, together within `total_chars`.

    When they do not all fit, the long ones are cut first: every card is limited to the largest common size at which
    the whole fits, and characters left over at line ends go to the cards in order. A card without room for one line
    under its heading is dropped.
    """
    whole = [CardText(name=c.name, text=f"{heading(c.name)}\n{c.text.strip()}") for c in cards]

    def n_chars(sizes: Sequence[int]) -> int:
        return len(join(_cut_all(whole, sizes)))

    common = bisect_right(range(card_chars + 1), total_chars, key=lambda n: n_chars([n] * len(whole))) - 1
    sizes = [common] * len(whole)
    for i, card in enumerate(whole):
        spare = total_chars - n_chars(sizes)
        grown = min(card_chars, len(cut(card.text, sizes[i])) + spare)
        larger = [*sizes[:i], grown, *sizes[i + 1 :]]
        if grown > sizes[i] and n_chars(larger) <= total_chars:
            sizes = larger
    return _cut_all(whole, sizes)


def join(cards: Sequence[CardText]) -> str:
    """The text of a context made of cards."""
    return _SEPARATOR.join(card.text for card in cards)


def _cut_all(cards: Sequence[CardText], sizes: Sequence[int]) -> list[CardText]:
    shortened = [CardText(name=c.name, text=cut(c.text, size)) for c, size in zip(cards, sizes, strict=True)]
    return [card for card in shortened if "\n" in card.text]
