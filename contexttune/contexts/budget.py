"""Budgets in characters or tokens: hard bounds, cut at line ends."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal

from contexttune.contexts import tokens
from contexttune.errors import ConfigError
from contexttune.types import CardText

Unit = Literal["chars", "tokens"]
"""What a condition's `budget_unit` may be. Tokens are those of o200k_base: an estimate of any other model's."""

_BETWEEN = "\n\n"


def check(budget: int, unit: Unit) -> None:
    """Raise ConfigError for a budget of nothing, or one in a unit that cannot be counted on this machine."""
    if budget < 1:
        raise ConfigError(f"condition.budget must be at least 1, got {budget}")
    check_unit(unit)


def check_unit(unit: Unit) -> None:
    """Raise ConfigError when the unit cannot be counted on this machine."""
    if unit == "tokens" and tokens.vocabulary() is None:
        raise ConfigError(
            "condition.budget_unit=tokens needs the o200k_base vocabulary that litellm ships, and it is not installed: "
            "use condition.budget_unit=chars"
        )


def measure(text: str, unit: Unit) -> int:
    """Length of `text` in `unit`."""
    return len(text) if unit == "chars" else tokens.count(text)


def cut_to(text: str, limit: int, unit: Unit) -> str:
    """A run of whole lines from the start of `text` within `limit`: the longest, but for a line where tokens merge."""
    if unit == "chars":
        return cut(text, limit)
    start = text[: limit * tokens.MOST_CHARS + 1]  # more than this cannot fit, and need not be counted
    if measure(start, unit) <= limit:
        return text
    lines = start.split("\n")
    n_lines = bisect_right(range(len(lines)), limit, key=lambda n: measure(_lines(lines, n), unit)) - 1
    while n_lines > 0 and measure(_lines(lines, n_lines), unit) > limit:
        n_lines -= 1  # a line more can be a token less, and then the search may end beside the mark
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
    """Cards with their headings, each within `card_chars`, joined within `total_chars`.

    When all do not fit, the long ones give way first: every card is held to the largest common size at which
    the whole fits, and what the line ends leave over goes to the cards in order. A card that cannot show one line
    under its heading is dropped.
    """
    whole = [CardText(name=c.name, text=f"{heading(c.name)}\n{c.text.strip()}") for c in cards]
    lengths = range(card_chars + 1)
    size = bisect_right(lengths, total_chars, key=lambda n: len(join(_cut_all(whole, [n] * len(whole))))) - 1
    sizes = [size] * len(whole)
    for i in range(len(whole)):
        spare = total_chars - len(join(_cut_all(whole, sizes)))
        held = cut(whole[i].text, sizes[i])
        grown = min(card_chars, len(held) + spare)
        if (
            grown > sizes[i]
            and len(join(_cut_all(whole, [*sizes[:i], grown, *sizes[i + 1 :]]))) <= total_chars
        ):
            sizes[i] = grown
    return _cut_all(whole, sizes)


def join(cards: Sequence[CardText]) -> str:
    """The rendered text of a context."""
    return _BETWEEN.join(card.text for card in cards)


def _cut_all(cards: Sequence[CardText], sizes: Sequence[int]) -> list[CardText]:
    cut_cards = [CardText(name=c.name, text=cut(c.text, size)) for c, size in zip(cards, sizes, strict=True)]
    return [card for card in cut_cards if "\n" in card.text]
