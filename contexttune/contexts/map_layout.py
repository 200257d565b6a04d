"""Ranked files as text within a budget: outlines of some, and the names of all others by directory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from contexttune.contexts import braces
from contexttune.contexts.ranking.outline import RankedFile
from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator

_OTHERS = "Other files:"
_WITHOUT = "no room for an outline; likeliest first"
_LEADING = 6  # files that are outlined wherever there is room, since a reader begins at the top
_LEAST_CHARS = 2  # that a definition takes: a letter and a blank
_SHORTLIST = 2  # times the budget: a file that is not worth its path leaves room to others


class _Offer(NamedTuple):
    """A definition that may be named: which one of which file, what it takes and what it is worth."""

    n_file: int
    n_name: int
    chars: int
    value: float


class _Choice(NamedTuple):
    """A file, and those of its definitions that pay for their characters."""

    file: RankedFile
    names: list[str]


class Laid(NamedTuple):
    """A map, and the files that its lines behind the title are outlines of."""

    text: str
    outlined: Sequence[RankedFile] = ()

    def reasons(self, why: Callable[[RankedFile], str]) -> list[str]:
        """Why each line stands there."""
        n_lines = self.text.count("\n") + 1
        known = ["", *map(why, self.outlined), ""]
        return [*known, *[_WITHOUT] * (n_lines - len(known))][:n_lines]


@dataclass(frozen=True, kw_only=True)
class MapSettings(ContextGenerator):
    """What maps have in common."""

    total_budget_chars: int = 8000
    tree_share: float = 0.7  # at most so much of the budget is kept for names of files without an outline
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
) -> Laid:
    """`title`, outlines in the order of `files`, then the files without one and `others`, grouped by directory.

    Characters go to the first files, then to the definitions with the most value for each of them; up to `tree_share` of the budget is
    kept for the names of files. No path occurs twice, no line is cut.
    """
    room = total_chars - len(title)
    if room < 0:
        return Laid("")
    reserve = int(total_chars * tree_share)

    def tree_chars(chosen: Sequence[_Choice]) -> int:
        return _tree_chars(_rest(files, others, chosen), reserve)

    chosen = _fitting(files, room, tree_chars)
    lines = [_outline(one) for one in chosen]
    left = room - sum(len(line) + 1 for line in lines)
    tree = _tree(_rest(files, others, chosen), left)
    text = "\n".join([title, *lines, *tree]) if lines or tree else ""
    return Laid(text, [one.file for one in chosen])


def outlines(files: Sequence[RankedFile], total_chars: int) -> list[str]:
    """Those lines alone, within `total_chars` when they are joined by line ends."""
    return [_outline(one) for one in _fitting(files, total_chars + 1, lambda _: 0)]


def _fitting(
    files: Sequence[RankedFile], room: int, beside_chars: Callable[[Sequence[_Choice]], int]
) -> list[_Choice]:
    """As many offers as fit into `room` beside what else has to stand there, line ends counted."""
    ranked = _offers(files, room * _SHORTLIST)

    def overflows(n_offers: int) -> bool:
        chosen = _choose(files, ranked[:n_offers])
        return sum(len(_outline(one)) + 1 for one in chosen) + beside_chars(chosen) > room

    n_offers = bisect_left(range(len(ranked) + 1), True, key=overflows) - 1
    return _choose(files, ranked[: max(n_offers, 0)])


def _offers(files: Iterable[RankedFile], most_chars: int) -> list[_Offer]:
    """Definitions up to `most_chars`: the best of each leading file, then those most worth their characters."""
    listed = [
        (n_file, n_name, _chars(name), value)
        for n_file, file in enumerate(files)
        for n_name, (name, value) in enumerate(file.definitions)
        if value > 0
    ]
    prices = [-value / chars for _, _, chars, value in listed]
    last = sorted(prices)[: most_chars // _LEAST_CHARS + 1][-1:]  # of no more than these there may be room
    ranked = sorted(
        (price, *one)
        for price, one in zip(prices, listed, strict=True)
        if price <= last[0] or one[0] < _LEADING
    )
    best = {offer[1]: offer for offer in reversed(ranked) if offer[1] < _LEADING}
    first = [best[n_file] for n_file in sorted(best)]
    ranked = [*first, *(offer for offer in ranked if best.get(offer[1]) != offer)]
    ends = accumulate(chars for *_, chars, _ in ranked)
    n_offers = bisect_right(list(ends), most_chars)
    return [_Offer(n_file, n_name, chars, value) for _, n_file, n_name, chars, value in ranked[:n_offers]]


def _choose(files: Sequence[RankedFile], offers: Sequence[_Offer]) -> list[_Choice]:
    """The files of `offers`, less those whose path costs more than theirs are worth at the price of the last.

    Leading files stay.
    """
    of_file: dict[int, list[_Offer]] = {}
    for offer in offers:
        of_file.setdefault(offer.n_file, []).append(offer)
    price = offers[-1].value / offers[-1].chars if offers else 0.0
    found = []
    for n_file, taken in sorted(of_file.items()):
        file = files[n_file]
        chars = sum(offer.chars for offer in taken) + len(file.path.rpartition("/")[0])
        if n_file < _LEADING or sum(offer.value for offer in taken) >= price * chars:
            names = [file.definitions[n][0] for n in sorted(offer.n_name for offer in taken)]
            found.append(_Choice(file, names))
    return found


def _chars(name: str) -> int:
    return len(name) - name.rfind(".")


def _outline(choice: _Choice) -> str:
    """`a/b.py: Class(method method) function`."""
    inside: dict[str, list[str]] = {}
    for name in choice.names:
        top, _, rest = name.partition(".")
        inside.setdefault(top, []).extend([rest] if rest else [])
    words = [f"{top}({' '.join(names)})" if names else top for top, names in inside.items()]
    return f"{choice.file.path}: {' '.join(words)}"


def _rest(files: Iterable[RankedFile], others: Iterable[str], chosen: Iterable[_Choice]) -> list[str]:
    shown = {one.file.path for one in chosen}
    return [*(file.path for file in files if file.path not in shown), *others]


def _tree_chars(paths: Sequence[str], most: int) -> int:
    """What the tree of `paths` takes, or `most`."""
    return braces.chars(paths, most - len(_OTHERS) - 1) + len(_OTHERS) + 1 if paths else 0


def _tree(paths: Iterable[str], room: int) -> list[str]:
    """The lines of the files that fit into `room` (line ends counted)."""
    lines = braces.braced(paths, room - len(_OTHERS) - 1)
    return [_OTHERS, *lines] if lines else []
