"""Neutral text of the same length, without anything that an agent could use."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from contexttune.contexts.budget import Unit, check_unit, cut_to, measure
from contexttune.contexts.placebo import Placebo
from contexttune.interfaces import RepoAtCommit
from contexttune.types import Instance

_PARTS = (
    (
        *("The old lamp", "A grey coat", "The wooden spoon", "A folded blanket", "The blue teapot"),
        *("A straw hat", "The round mirror", "A pair of boots", "The copper kettle", "A jar of honey"),
        *("The wall clock", "A red scarf"),
    ),
    (
        *("stayed near", "was left beside", "had stood by", "lay next to", "was carried past"),
        *("was found behind", "rested against", "was put down by", "had been kept near"),
        *("waited beside", "was set before", "leaned on"),
    ),
    (
        *("the kitchen stove", "the garden bench", "the bakery door", "the village pond"),
        *("the narrow stairs", "the fireplace", "the apple crates", "the harbour wall"),
        *("the stone well", "the flower shop", "the empty stage", "the ferry landing"),
    ),
    (
        *("on a quiet Monday", "until the rain was over", "for most of the summer"),
        *("while the soup cooled", "before the guests arrived", "after a long walk"),
        *("through the whole of March", "as the snow melted", "early in the morning"),
        *("when the music ended", "all afternoon", "under a pale evening sky"),
    ),
)


@dataclass(frozen=True, kw_only=True)
class PlaceboNeutral(Placebo):
    """Plain sentences, one per line, that depend on the commit alone and do not mention code.

    Never longer than the original context, and shorter by less than a line; "" for one shorter than a line.
    """

    version: ClassVar[int] = 1
    name: str = "placebo_neutral"
    budget_unit: Unit = "chars"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_unit(self.budget_unit)

    def replace(self, text: str, repo: RepoAtCommit, instance: Instance | None) -> str:
        limit = measure(text, self.budget_unit)
        n_lines = 1
        while measure(neutral := prose(repo.base_commit, n_lines), self.budget_unit) <= limit:
            n_lines *= 2
        return cut_to(neutral, limit, self.budget_unit)


def prose(key: str, n_lines: int) -> str:
    """`n_lines` sentences; for the same key, a longer text begins with the shorter one."""
    return "\n".join(_sentence(f"{key} {n}") for n in range(n_lines))


def _sentence(key: str) -> str:
    digest = sha256(key.encode()).digest()
    chosen = (part[byte % len(part)] for part, byte in zip(_PARTS, digest, strict=False))
    return f"{' '.join(chosen)}."
