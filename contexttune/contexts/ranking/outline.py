"""Files with the definitions in them, as rankings weigh them and maps show them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

_LAST_LINES = 8  # a guess at the length of a file's last definition: the index knows only where it begins


class Definition(NamedTuple):
    """A class, method or function that a reader can ask for by its qualified name."""

    name: str
    first_line: int  # 1-based
    n_lines: int  # up to the next definition: a class has those before its first method


class RankedFile(NamedTuple):
    """A file's worth, and that of each of its definitions, in their order in the file.

    `value` orders files; values of definitions are probabilities up to a common factor, over all files.
    `evidence` are parts that `value` is the sum of, by name, where it is a sum.
    """

    path: str
    value: float
    definitions: Sequence[tuple[str, float]] = ()
    evidence: Sequence[tuple[str, float]] = ()


def definitions(symbols: Sequence[Mapping[str, Any]]) -> list[Definition]:
    """Of a module's symbols (see signals/py_index.py), all but what is local to a function."""
    spans: dict[str, tuple[str, int, int]] = {}
    owners: dict[str, str] = {}  # of each function, and of what is local to it: the outermost function around
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
        known = spans.get(name)  # overloads and conditional definitions: the longest stands for all
        if known is None or known[2] < length:
            spans[name] = (name, start, length)
    return [Definition._make(span) for span in spans.values()]


def symbols_of(signals: Mapping[str, Any], path: str) -> Sequence[Mapping[str, Any]]:
    """What a file defines, in whatever language; nothing of one that no signal knows."""
    modules, files = signals["py_index"]["modules"], signals["code_index"]["files"]
    facts = modules.get(path) or files.get(path)
    symbols: Sequence[Mapping[str, Any]] = facts["symbols"] if facts else ()
    return symbols


def n_lines(symbols: Sequence[Mapping[str, Any]]) -> int:
    """About how long a module is: up to its last definition."""
    return int(symbols[-1]["line"]) + _LAST_LINES if symbols else 0
