"""Character budgets: hard bounds, cut at line ends."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from contexttune.types import CardText

_BETWEEN = "\n\n"


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
