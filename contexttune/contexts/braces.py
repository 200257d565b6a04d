"""Writes paths with shell braces, so that a shared directory or suffix appears once: `a/b/{c,d}.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

_BRACES_CHARS = 2


class _Group(NamedTuple):
    """Common parts of the paths in one pair of braces."""

    directory: str
    suffix: str


def braced(paths: Iterable[str], room_chars: int) -> list[str]:
    """Lines for as many of `paths` as fit, line ends counted; a group takes the place of its first path.

    No path may contain a brace or a comma.
    """
    groups: dict[_Group, list[str]] = {}
    for path in paths:
        group, stem = _split(path)
        cost = _cost(path, stem, len(groups.get(group, ())))
        if cost <= room_chars:
            groups.setdefault(group, []).append(stem)
            room_chars -= cost
    return [_line(group, stems) for group, stems in groups.items()]


def braced_chars(paths: Iterable[str], limit: int) -> int:
    """Characters in the lines of all `paths`, line ends counted; at most `limit`."""
    total = 0
    sizes: dict[_Group, int] = {}
    for path in paths:
        group, stem = _split(path)
        n = sizes.get(group, 0)
        total += _cost(path, stem, n)
        if total >= limit:
            return limit
        sizes[group] = n + 1
    return total


def _split(path: str) -> tuple[_Group, str]:
    """`a/b.py` -> (`a/`, `.py`), `b`."""
    directory, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    return (_Group(directory + slash, dot + suffix), stem) if stem else (_Group(directory + slash, ""), name)


def _cost(path: str, stem: str, n_before: int) -> int:
    """Characters that a path adds to a group of `n_before` paths."""
    if n_before == 0:
        return len(path) + 1
    return len(stem) + 1 + (_BRACES_CHARS if n_before == 1 else 0)


def _line(group: _Group, stems: list[str]) -> str:
    names = stems[0] if len(stems) == 1 else f"{{{','.join(stems)}}}"
    return f"{group.directory}{names}{group.suffix}"
