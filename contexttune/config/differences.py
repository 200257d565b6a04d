"""Finds the keys in which two configurations or records differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ABSENT = "not set"

Difference = tuple[str, Any, Any]


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[Difference]:
    """(dotted key, then, now) of every value that differs, at any depth, sorted by key. 1 and 1.0 are equal.

    A list item that only one side has is a difference of its own.
    """
    if then == now:
        return []
    from deepdiff import DeepDiff
    from deepdiff.helper import notpresent

    tree: Any = DeepDiff(then, now, view="tree", ignore_numeric_type_changes=True)
    found = []
    for levels in tree.values():
        for level in levels:
            key = ".".join(str(part) for part in level.path(output_format="list"))
            old, new = (ABSENT if side is notpresent else side for side in (level.t1, level.t2))
            found += _leaves(key, old, new)
    return sorted(found, key=lambda difference: difference[0])


def in_words(difference: Difference) -> str:
    """`model.temperature: 0.0 -> 1.0`, with long values shortened."""
    key, *values = difference
    then, now = (text if len(text) <= 80 else f"{text[:77]}..." for text in map(str, values))
    return f"{key}: {then} -> {now}"


def _leaves(key: str, old: Any, new: Any) -> list[Difference]:
    """The differences of a value; one for each leaf of a mapping that one side lacks."""
    known = old if new == ABSENT else new
    if ABSENT in (old, new) and isinstance(known, Mapping) and known:
        sides = (old, ABSENT) if new == ABSENT else (ABSENT, new)
        return [
            leaf
            for name in known
            for leaf in _leaves(f"{key}.{name}", *(side[name] if side is known else ABSENT for side in sides))
        ]
    return [(key, old, new)]
