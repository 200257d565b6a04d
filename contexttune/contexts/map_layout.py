"""Lays out ranked files within a budget: outlines of some, and the names of all others by directory."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import NamedTuple

from contexttune.contexts.braces import braced, braced_chars
from contexttune.contexts.ranking.outline import RankedFile

_OTHERS = "Other files:"
_NO_OUTLINE = "no room for an outline; likeliest first"
_LEADING = 6  # files that are outlined wherever there is room, since readers begin at the top
_MIN_CHARS = 2  # shortest definition: a letter and a blank
_SHORTLIST = 2  # candidates, in multiples of the budget: dropping files whose path costs too much leaves room


class _Candidate(NamedTuple):
    """A definition that may be shown, with its cost and its value."""

    n_file: int
    n_definition: int
    chars: int
    value: float


class _Outline(NamedTuple):
    """A file and those of its definitions that are shown."""

    file: RankedFile
    names: list[str]

    @property
    def line(self) -> str:
        """`a/b.py: Class(method method) function`."""
        inside: dict[str, list[str]] = {}
        for name in self.names:
            top, _, rest = name.partition(".")
            inside.setdefault(top, []).extend([rest] if rest else [])
        words = [f"{top}({' '.join(names)})" if names else top for top, names in inside.items()]
        return f"{self.file.path}: {' '.join(words)}"


class MapText(NamedTuple):
    """A map, and the files that the lines below its title outline."""

    text: str
    outlined: Sequence[RankedFile] = ()

    def reasons(self) -> list[str]:
        """The reason for each line."""
        n_lines = self.text.count("\n") + 1
        known = ["", *(file.reason for file in self.outlined), ""]
        return [*known, *[_NO_OUTLINE] * (n_lines - len(known))][:n_lines]


def lay_out(
    title: str, files: Sequence[RankedFile], others: Sequence[str], *, total_chars: int, tree_share: float
) -> MapText:
    """`title`, outlines in the order of `files`, then the files without one and `others`, grouped by directory.

    The budget goes to the first files, then to the definitions with the most value per character; up to `tree_share`
    of it is reserved for names of files. No path occurs twice and no line is cut.
    """
    room = total_chars - len(title)
    if room < 0:
        return MapText("")
    reserve = int(total_chars * tree_share)

    def tree_chars(outlines: Sequence[_Outline]) -> int:
        return _tree_chars(_without_outline(files, others, outlines), reserve)

    outlines = _fit(files, room, tree_chars)
    lines = [one.line for one in outlines]
    left = room - sum(len(line) + 1 for line in lines)
    tree = _tree(_without_outline(files, others, outlines), left)
    text = "\n".join([title, *lines, *tree]) if lines or tree else ""
    return MapText(text, [one.file for one in outlines])


def outline_lines(files: Sequence[RankedFile], total_chars: int) -> list[str]:
    """Outlines alone, within `total_chars` when joined by line ends."""
    return [one.line for one in _fit(files, total_chars + 1, lambda _: 0)]


def _fit(
    files: Sequence[RankedFile], room: int, other_chars: Callable[[Sequence[_Outline]], int]
) -> list[_Outline]:
    """Outlines with as many candidates as fit into `room` beside `other_chars`, line ends counted."""
    ranked = _candidates(files, room * _SHORTLIST)

    def overflows(n_candidates: int) -> bool:
        outlines = _outlines(files, ranked[:n_candidates])
        return sum(len(one.line) + 1 for one in outlines) + other_chars(outlines) > room

    n_candidates = bisect_left(range(len(ranked) + 1), True, key=overflows) - 1
    return _outlines(files, ranked[: max(n_candidates, 0)])


def _candidates(files: Iterable[RankedFile], max_chars: int) -> list[_Candidate]:
    """Definitions up to `max_chars`: the best of each leading file, then by value per character."""
    listed = [
        _Candidate(n_file, n, len(name) - name.rfind("."), value)
        for n_file, file in enumerate(files)
        for n, (name, value) in enumerate(file.definitions)
        if value > 0
    ]
    ratios = [-one.value / one.chars for one in listed]
    worst = sorted(ratios)[: max_chars // _MIN_CHARS + 1][-1:]  # more than these cannot fit
    ranked = sorted(
        (ratio, one)
        for ratio, one in zip(ratios, listed, strict=True)
        if ratio <= worst[0] or one.n_file < _LEADING
    )
    best = {one.n_file: one for _, one in reversed(ranked) if one.n_file < _LEADING}
    first = [best[n_file] for n_file in sorted(best)]
    found = [*first, *(one for _, one in ranked if best.get(one.n_file) != one)]
    return found[: bisect_right(list(accumulate(one.chars for one in found)), max_chars)]


def _outlines(files: Sequence[RankedFile], candidates: Sequence[_Candidate]) -> list[_Outline]:
    """The files of `candidates`, except those with less value per character than the last candidate.

    The path counts as part of the cost. Leading files are always included.
    """
    by_file: dict[int, list[_Candidate]] = {}
    for one in candidates:
        by_file.setdefault(one.n_file, []).append(one)
    ratio = candidates[-1].value / candidates[-1].chars if candidates else 0.0
    found = []
    for n_file, own in sorted(by_file.items()):
        file = files[n_file]
        chars = sum(one.chars for one in own) + len(file.path.rpartition("/")[0])
        if n_file < _LEADING or sum(one.value for one in own) >= ratio * chars:
            names = [file.definitions[n][0] for n in sorted(one.n_definition for one in own)]
            found.append(_Outline(file, names))
    return found


def _without_outline(
    files: Iterable[RankedFile], others: Iterable[str], outlines: Iterable[_Outline]
) -> list[str]:
    shown = {one.file.path for one in outlines}
    return [*(file.path for file in files if file.path not in shown), *others]


def _tree_chars(paths: Sequence[str], limit: int) -> int:
    """Characters of the tree of `paths`; at most `limit`."""
    head = len(_OTHERS) + 1
    return braced_chars(paths, limit - head) + head if paths else 0


def _tree(paths: Iterable[str], room: int) -> list[str]:
    """The lines of the files that fit into `room`, line ends counted."""
    lines = braced(paths, room - len(_OTHERS) - 1)
    return [_OTHERS, *lines] if lines else []
