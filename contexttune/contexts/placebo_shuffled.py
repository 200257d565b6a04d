"""The same words, without what their order says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import ClassVar

from contexttune.contexts.placebo import Wrapped
from contexttune.interfaces import RepoAtCommit
from contexttune.types import Context, Instance


@dataclass(frozen=True, kw_only=True)
class PlaceboShuffled(Wrapped):
    """The lines of the wrapped context, permuted across all of it; headings and blank lines stay where they are.

    Neither a line nor a character is gained or lost; a token may be, since some reach over a line's end. The order
    depends on `shuffle_seed`, the commit and, where the wrapped context is one of an instance, its id; it is another
    than before unless all lines are the same.
    """

    version: ClassVar[int] = 1
    name: str = "placebo_shuffled"
    shuffle_seed: int = 0

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        right = self.of.build(repo, instance)
        of = instance.instance_id if instance else ""
        text = shuffled(right.text.rstrip(), f"{self.shuffle_seed} {repo.base_commit} {of}")
        return Context(text=text, documents=right.documents)


def shuffled(text: str, key: str) -> str:
    """`text` with its lines in an order that `key` decides."""
    lines = text.split("\n")
    places = [n for n, line in enumerate(lines) if _moves(line)]
    before = [lines[n] for n in places]
    if len(set(before)) < 2:
        return text
    orders = (_order(before, f"{key} {salt}") for salt in count())
    for n, line in zip(places, next(order for order in orders if order != before), strict=True):
        lines[n] = line
    return "\n".join(lines)


def _moves(line: str) -> bool:
    """Not headings nor blank lines; nor those that end in blanks, which a text's end would lose."""
    return bool(line) and line == line.rstrip() and not line.startswith("#")


def _order(lines: Sequence[str], key: str) -> list[str]:
    """By digests: the same in any version of Python."""
    ranks = [sha256(f"{key} {n}".encode()).digest() for n in range(len(lines))]
    return [line for _, line in sorted(zip(ranks, lines, strict=True))]
