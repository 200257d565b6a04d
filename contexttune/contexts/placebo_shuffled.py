"""The same words without the information in their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from typing import ClassVar

from contexttune.contexts.placebo import Placebo
from contexttune.interfaces import RepoAtCommit
from contexttune.types import Instance


@dataclass(frozen=True, kw_only=True)
class PlaceboShuffled(Placebo):
    """The lines of the original context, permuted across all of it; headings and blank lines keep their places.

    The number of characters stays the same; the number of tokens may change, since tokens can reach over line ends.
    The order depends on `shuffle_seed`, the commit and, for a context per instance, the instance_id; it differs from
    the original unless all lines are equal.
    """

    version: ClassVar[int] = 1
    name: str = "placebo_shuffled"
    shuffle_seed: int = 0

    def replace(self, text: str, repo: RepoAtCommit, instance: Instance | None) -> str:
        instance_id = instance.instance_id if instance else ""
        return shuffled(text.rstrip(), f"{self.shuffle_seed} {repo.base_commit} {instance_id}")


def shuffled(text: str, key: str) -> str:
    """`text` with its lines in an order that depends on `key`."""
    lines = text.split("\n")
    positions = [n for n, line in enumerate(lines) if _is_movable(line)]
    before = [lines[n] for n in positions]
    if len(set(before)) < 2:
        return text
    orders = (_order(before, f"{key} {salt}") for salt in count())
    for n, line in zip(positions, next(order for order in orders if order != before), strict=True):
        lines[n] = line
    return "\n".join(lines)


def _is_movable(line: str) -> bool:
    """Whether a line is no heading, not blank, and has no trailing blanks, which a text would lose at its end."""
    return bool(line) and line == line.rstrip() and not line.startswith("#")


def _order(lines: Sequence[str], key: str) -> list[str]:
    """A permutation by digests, which are the same in all versions of Python."""
    ranks = [sha256(f"{key} {n}".encode()).digest() for n in range(len(lines))]
    return [line for _, line in sorted(zip(ranks, lines, strict=True))]
