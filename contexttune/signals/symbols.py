"""The symbols of a module, kept as the JSON they are stored and written as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import orjson


class Symbols(Sequence[Mapping[str, Any]]):
    """A read-only list that is decoded when its first item is asked for; most never are.

    Equal to a list of the same items. `raw` is compact JSON with sorted keys, `n` its number of items.
    """

    __slots__ = ("_items", "_n", "raw")

    def __init__(self, raw: bytes, n: int) -> None:
        self.raw = raw
        self._n = n
        self._items: list[dict[str, Any]] | None = None

    @classmethod
    def of(cls, items: Sequence[Mapping[str, Any]]) -> Symbols:
        """From symbols as the scanner finds them."""
        return cls(orjson.dumps(items, option=orjson.OPT_SORT_KEYS), len(items))

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        return self._decoded()[index]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._decoded())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Symbols):
            return self.raw == other.raw
        return self._decoded() == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"Symbols({self._decoded()!r})"

    def _decoded(self) -> list[dict[str, Any]]:
        if self._items is None:
            self._items = orjson.loads(self.raw)
        return self._items


def as_json(value: object) -> Any:
    """For orjson's `default`: Symbols as they are stored."""
    if isinstance(value, Symbols):
        return orjson.Fragment(value.raw)
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def dump_lines(value: Any) -> bytes:
    """Sorted JSON for people and diffs: a dict has its keys on lines of their own, a list is one line.

    The same bytes for Symbols and for the list they stand for.
    """
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(_folded(value), option=options)


def _folded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _folded(inner) for key, inner in value.items()}
    if isinstance(value, Symbols):
        return orjson.Fragment(value.raw)
    if isinstance(value, list):
        return orjson.Fragment(orjson.dumps(value, default=as_json, option=orjson.OPT_SORT_KEYS))
    return value
