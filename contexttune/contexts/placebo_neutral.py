"""As many words, about nothing that an agent could use."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from contexttune.contexts.budget import Unit, check_unit, cut_to, measure
from contexttune.contexts.placebo import Wrapped
from contexttune.interfaces import RepoAtCommit
from contexttune.types import Context, Instance

_PARTS = (
    (
        *(
            "The old lamp",
            "A grey coat",
            "The wooden spoon",
            "A folded blanket",
            "The blue teapot",
            "A straw hat",
        ),
        *(
            "The round mirror",
            "A pair of boots",
            "The copper kettle",
            "A jar of honey",
            "The wall clock",
            "A red scarf",
        ),
    ),
    (
        *(
            "stayed near",
            "was left beside",
            "had stood by",
            "lay next to",
            "was carried past",
            "was found behind",
        ),
        *(
            "rested against",
            "was put down by",
            "had been kept near",
            "waited beside",
            "was set before",
            "leaned on",
        ),
    ),
    (
        *(
            "the kitchen stove",
            "the garden bench",
            "the bakery door",
            "the village pond",
            "the narrow stairs",
        ),
        *("the fireplace", "the apple crates", "the harbour wall", "the stone well", "the flower shop"),
        *("the empty stage", "the ferry landing"),
    ),
    (
        *("on a quiet Monday", "until the rain was over", "for most of the summer", "while the soup cooled"),
        *(
            "before the guests arrived",
            "after a long walk",
            "through the whole of March",
            "as the snow melted",
        ),
        *("early in the morning", "when the music ended", "all afternoon", "under a pale evening sky"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class PlaceboNeutral(Wrapped):
    """Plain sentences, one a line, that the commit alone decides and that say nothing about any code.

    Never longer than the wrapped context, and shorter by less than a line; one that is shorter than a line has no block.
    """

    version: ClassVar[int] = 1
    name: str = "placebo_neutral"
    budget_unit: Unit = "chars"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_unit(self.budget_unit)

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        right = self.of.build(repo, instance)
        limit = measure(right.text, self.budget_unit)
        n_lines = 1
        while measure(text := prose(repo.base_commit, n_lines), self.budget_unit) <= limit:
            n_lines *= 2
        return Context(text=cut_to(text, limit, self.budget_unit), documents=right.documents)


def prose(key: str, n_lines: int) -> str:
    """`n_lines` sentences; the first of more are the same."""
    return "\n".join(_sentence(f"{key} {n}") for n in range(n_lines))


def _sentence(key: str) -> str:
    digest = sha256(key.encode()).digest()
    chosen = (part[byte % len(part)] for part, byte in zip(_PARTS, digest, strict=False))
    return f"{' '.join(chosen)}."
