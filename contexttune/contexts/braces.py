"""Paths in a shell's braces, which say a directory and a suffix once: `a/b/{c,d}.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_MARKS = 2  # the braces


class _Group(NamedTuple):
    """What the paths of one pair of braces have in common."""

    directory: str
    suffix: str


def braced(paths: Iterable[str], room_chars: int) -> list[str]:
    """Lines for as many of `paths` as fit, line ends counted; directories stand where their first path does.

    No path may hold a brace or a comma.
    """
    groups: dict[_Group, list[str]] = {}
    for path in paths:
        group, stem = _split(path)
        price = _price(path, stem, len(groups.get(group, ())))
        if price <= room_chars:
            groups.setdefault(group, []).append(stem)
            room_chars -= price
    return [_line(group, stems) for group, stems in groups.items()]


def chars(paths: Iterable[str], most: int) -> int:
    """What the lines of all `paths` take, line ends counted, or `most`."""
    total = 0
    sizes: dict[_Group, int] = {}
    for path in paths:
        group, stem = _split(path)
        n = sizes.get(group, 0)
        total += _price(path, stem, n)
        if total >= most:
            return most
        sizes[group] = n + 1
    return total


def _split(path: str) -> tuple[_Group, str]:
    """`a/b.py` -> (`a/`, `.py`), `b`."""
    directory, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return (_Group(directory + slash, dot + suffix), stem) if stem else (_Group(directory + slash, ""), name)


def _price(path: str, stem: str, n_before: int) -> int:
    """What a path adds to a group that has `n_before`."""
    if n_before == 0:
        return len(path) + 1
    return len(stem) + 1 + (_MARKS if n_before == 1 else 0)


def _line(group: _Group, stems: list[str]) -> str:
    names = stems[0] if len(stems) == 1 else f"{{{','.join(stems)}}}"
    return f"{group.directory}{names}{group.suffix}"
