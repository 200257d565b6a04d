"""Ranked files as text within a budget: outlines of some, and the names of all others by directory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import ClassVar, NamedTuple

from contexttune.contexts.ranking.outline import RankedFile
from contexttune.errors import ConfigError

_OTHERS = "Other files:"
_SHORTLIST = 2  # times the budget: a file that is not worth its path leaves room to others


class _Offer(NamedTuple):
    """A definition that may be named: which one of which file, what it takes and what it is worth."""

    n_file: int
    n_name: int
    chars: int
    value: float


class _Choice(NamedTuple):
    """A file, and those of its definitions that pay for their characters."""

    path: str
    names: list[str]


@dataclass(frozen=True, kw_only=True)
class MapSettings:
    """What maps have in common."""

    sends_block: ClassVar[bool] = True
    total_budget_chars: int = 8000
    tree_share: float = 0.5  # at most so much of the budget is kept for names of files without an outline
    half_life_commits: float = 300.0  # a change counts half of one that so many commits later was made

    def __post_init__(self) -> None:
        if self.total_budget_chars < 1:
            raise ConfigError(
                f"condition.total_budget_chars must be at least 1, got {self.total_budget_chars}"
            )
        if not 0 <= self.tree_share <= 1:
            raise ConfigError(f"condition.tree_share must be between 0 and 1, got {self.tree_share}")
        if self.half_life_commits <= 0:
            raise ConfigError(f"condition.half_life_commits must be above 0, got {self.half_life_commits}")


def lay_out(
    title: str, files: Sequence[RankedFile], others: Sequence[str], *, total_chars: int, tree_share: float
) -> str:
    """`title`, outlines in the order of `files`, then the files without one and `others`, grouped by directory.

    Characters go to the definitions with the most value for each of them; up to `tree_share` of the budget is
    kept for the names of files. No path occurs twice, no line is cut.
    """
    room = total_chars - len(title)
    if room < 0:
        return ""
    ranked = _offers(files, room * _SHORTLIST)
    reserve = int(total_chars * tree_share)

    def overflows(n_offers: int) -> bool:
        chosen = _choose(files, ranked[:n_offers])
        tree = _tree_chars(_rest(files, others, chosen), reserve)
        return sum(len(_outline(one)) + 1 for one in chosen) + tree > room

    n_offers = bisect_left(range(len(ranked) + 1), True, key=overflows) - 1
    chosen = _choose(files, ranked[: max(n_offers, 0)])
    outlines = [_outline(one) for one in chosen]
    left = room - sum(len(line) + 1 for line in outlines)
    tree = _tree(_rest(files, others, chosen), left)
    return "\n".join([title, *outlines, *tree]) if outlines or tree else ""


def _offers(files: Iterable[RankedFile], most_chars: int) -> list[_Offer]:
    """Definitions, those most worth their characters first, up to `most_chars` of them."""
    ranked = sorted(
        (-value / _chars(name), n_file, n_name, _chars(name), value)
        for n_file, file in enumerate(files)
        for n_name, (name, value) in enumerate(file.definitions)
        if value > 0
    )
    ends = accumulate(chars for *_, chars, _ in ranked)
    n_offers = bisect_right(list(ends), most_chars)
    return [_Offer(n_file, n_name, chars, value) for _, n_file, n_name, chars, value in ranked[:n_offers]]


def _choose(files: Sequence[RankedFile], offers: Sequence[_Offer]) -> list[_Choice]:
    """The files of `offers`, less those whose path costs more than theirs are worth at the price of the last."""
    of_file: dict[int, list[_Offer]] = {}
    for offer in offers:
        of_file.setdefault(offer.n_file, []).append(offer)
    price = offers[-1].value / offers[-1].chars if offers else 0.0
    found = []
    for n_file, taken in sorted(of_file.items()):
        path, definitions = files[n_file].path, files[n_file].definitions
        chars = sum(offer.chars for offer in taken) + len(path.rpartition("/")[0])
        if sum(offer.value for offer in taken) >= price * chars:
            found.append(_Choice(path, [definitions[n][0] for n in sorted(offer.n_name for offer in taken)]))
    return found


def _chars(name: str) -> int:
    return len(name.rpartition(".")[2]) + 1


def _outline(choice: _Choice) -> str:
    """`a/b.py: Class(method method) function`."""
    inside: dict[str, list[str]] = {}
    for name in choice.names:
        top, _, rest = name.partition(".")
        inside.setdefault(top, []).extend([rest] if rest else [])
    words = [f"{top}({' '.join(names)})" if names else top for top, names in inside.items()]
    return f"{choice.path}: {' '.join(words)}"


def _rest(files: Iterable[RankedFile], others: Iterable[str], chosen: Iterable[_Choice]) -> list[str]:
    shown = {one.path for one in chosen}
    return [*(file.path for file in files if file.path not in shown), *others]


def _tree_chars(paths: Sequence[str], most: int) -> int:
    """What the tree of `paths` takes, or `most`."""
    total = len(_OTHERS) + 1 if paths else 0
    directories: set[str] = set()
    for path in paths:
        total += _tree_price(path, directories)
        directories.add(path.rpartition("/")[0])
        if total >= most:
            return most
    return total


def _tree_price(path: str, directories: Container[str]) -> int:
    """What `path` adds to a tree that has lines for `directories`."""
    directory, _, name = path.rpartition("/")
    return len(name) + 1 if directory in directories else len(f"\n{directory or '.'}/: {name}")


def _tree(paths: Iterable[str], room: int) -> list[str]:
    """Lines `directory/: name name`, without the files that no longer fit into `room` (line ends counted)."""
    groups: dict[str, list[str]] = {}
    room -= len(_OTHERS) + 1
    for path in paths:
        directory, _, name = path.rpartition("/")
        price = _tree_price(path, groups)
        if price <= room:
            groups.setdefault(directory, []).append(name)
            room -= price
    lines = [f"{directory or '.'}/: {' '.join(names)}" for directory, names in groups.items()]
    return [_OTHERS, *lines] if lines else []
