"""Files and definitions with the values that rankings give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

_LAST_LINES = 8  # assumed length of a file's last definition, of which only the first line is known


class Definition(NamedTuple):
    """A class, method or function with a qualified name."""

    name: str
    first_line: int  # 1-based
    n_lines: int  # up to the next definition; of a class, up to its first method


class RankedFile(NamedTuple):
    """A file and its definitions with their values, in the order of the file.

    `value` orders files; values of definitions are proportional to probabilities, over all files.
    `reason` explains `value`.
    """

    path: str
    value: float
    definitions: Sequence[tuple[str, float]] = ()
    reason: str = ""


def definitions(symbols: Sequence[Mapping[str, Any]]) -> list[Definition]:
    """Definitions among a module's symbols (see signals/py_index.py), without those local to a function."""
    spans: dict[str, tuple[str, int, int]] = {}
    owners: dict[str, str] = {}  # function, or name local to one -> the outermost function around it
    for symbol, following in zip_longest(symbols, symbols[1:]):
        name, start = symbol["name"], symbol["line"]
        length = max((following["line"] if following else n_lines(symbols)) - start, 1)
        owner = owners.get(name.rpartition(".")[0]) if "." in name else None
        if owner is not None:
            owners[name] = owner
            _, first, before = spans[owner]
            spans[owner] = (owner, first, before + length)
            continue
        if symbol["kind"] != "class":
            owners[name] = name
        known = spans.get(name)  # of overloads and conditional definitions, the longest is kept
        if known is None or known[2] < length:
            spans[name] = (name, start, length)
    return [Definition._make(span) for span in spans.values()]


def symbols_of(signals: Mapping[str, Any], path: str) -> Sequence[Mapping[str, Any]]:
    """Symbols that a file in any language defines; () for a file that no signal indexes."""
    modules, files = signals["py_index"]["modules"], signals["code_index"]["files"]
    facts = modules.get(path) or files.get(path)
    symbols: Sequence[Mapping[str, Any]] = facts["symbols"] if facts else ()
    return symbols


def n_lines(symbols: Sequence[Mapping[str, Any]]) -> int:
    """Estimated length of a module, up to its last definition."""
    return int(symbols[-1]["line"]) + _LAST_LINES if symbols else 0
