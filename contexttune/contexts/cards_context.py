"""A context made of cards, rendered from the signals of a commit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contexttune.contexts.budget import fit, join, require_at_least
from contexttune.errors import ConfigError
from contexttune.interfaces import Card, ContextGenerator, RepoAtCommit
from contexttune.types import CardText, Context, Instance


@dataclass(frozen=True, kw_only=True)
class CardsContext(ContextGenerator):
    """Cards in their configured order; the budgets include headings and blank lines."""

    version: ClassVar[int] = 1
    name: str
    cards: dict[str, Card]
    total_budget_chars: int = 3200
    card_budget_chars: int = 900

    def __post_init__(self) -> None:
        require_at_least(1, self, "total_budget_chars", "card_budget_chars")
        if not self.cards:
            raise ConfigError(
                "condition.cards is empty: use condition=no_context for the arm without a context"
            )

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        texts = [
            CardText(name=name, text=_printable(text))
            for name, card in self.cards.items()
            if (text := _rendered(name, card, repo)).strip()
        ]
        fitted = fit(texts, card_chars=self.card_budget_chars, total_chars=self.total_budget_chars)
        return Context(text=join(fitted), cards=fitted)

    def reasons(self, repo: RepoAtCommit, instance: Instance | None) -> list[str]:
        """The reason for each line of the text."""
        found = []
        for card in self.build(repo, instance).cards:
            known = self.cards[card.name].reasons(repo.signals)
            _, *lines = card.text.split("\n")
            found += ["", f"card {card.name}", *(known.get(line.partition(": ")[0], "") for line in lines)]
        return found[1:]


def _rendered(name: str, card: Card, repo: RepoAtCommit) -> str:
    text: object = card.render(repo.signals) or ""
    if not isinstance(text, str):
        raise ConfigError(
            f"condition.cards.{name}: {type(card).__name__}.render must return a string or None, got {text!r:.80}"
        )
    return text


def _printable(text: str) -> str:
    """`text` without unprintable characters: docstrings and commands may contain escape sequences."""
    lines = text.split("\n")
    return "\n".join(
        line if line.isprintable() else "".join(c for c in line if c.isprintable()) for line in lines
    )
