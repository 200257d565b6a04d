"""Lists that stay JSON from the cache to signals.json unless somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, cast, overload

import orjson

_TAIL_BYTES = 4096
_GAP = b"\0"  # in JSON a NUL is always spelled \\u0000


class JsonList(Sequence[Any]):
    """A read-only list in JSON, decoded on first access; the last item can be decoded on its own.

    Equal to a list of the same items. `raw` is compact JSON with sorted keys, `n` the number of items.
    """

    __slots__ = ("_items", "_n", "raw")

    def __init__(self, raw: bytes | memoryview, n: int, items: Sequence[Any] | None = None) -> None:
        self.raw = raw
        self._n = n
        self._items = items

    @classmethod
    def of(cls, items: Sequence[Any]) -> JsonList:
        """Encode `items`."""
        return cls(_dumped(items), len(items), items)

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if index == -1 and self._items is None and (last := self._last()) is not None:
            return last
        return self._decoded()[index]

    def _last(self) -> Any:
        """The last item if it is a short object; None if it cannot be decoded without the others."""
        tail = bytes(self.raw[-_TAIL_BYTES:])
        at = tail.rfind(b',{"')  # not inside a string, where the quote would be escaped
        try:
            return orjson.loads(tail[at + 1 : -1]) if at >= 0 else None
        except orjson.JSONDecodeError:  # it is nested in another item
            return None

    def __iter__(self) -> Iterator[Any]:
        return iter(self._decoded())

    def __eq__(self, other: object) -> bool:
        if isinstance(other, JsonList):
            return self.raw == other.raw
        return self._decoded() == other if isinstance(other, list) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # like a list

    def __repr__(self) -> str:
        return f"JsonList({self._decoded()!r})"

    def _decoded(self) -> Sequence[Any]:
        if self._items is None:
            self._items = cast("list[Any]", orjson.loads(self.raw))
        return self._items


def as_json(value: object) -> Any:
    """`default` for orjson: a JsonList as its `raw`."""
    if isinstance(value, JsonList):
        return orjson.Fragment(bytes(value.raw))
    raise TypeError(f"{type(value).__name__} is not a JSON value")


def dump_lines(value: Any) -> bytes:
    """Sorted JSON for people and diffs: one line for each key of a dict, and one for a whole list.

    A JsonList gives the same bytes as the list that it stands for.
    """
    lists: list[bytes | memoryview] = []
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    first, *others = orjson.dumps(_folded(value, lists), option=options).split(_GAP)
    return b"".join([first, *chain.from_iterable(zip(lists, others, strict=True))])


def _folded(value: Any, lists: list[bytes | memoryview]) -> Any:
    """`value` with its lists replaced by gaps and appended to `lists`, so that they are copied only once."""
    if isinstance(value, dict):
        return {key: _folded(value[key], lists) for key in sorted(value)}
    if type(value) is JsonList:
        lists.append(value.raw)
        return orjson.Fragment(_GAP)
    if isinstance(value, list):
        return orjson.Fragment(_dumped(value))
    return value


def _dumped(items: Sequence[Any]) -> bytes:
    """Copied, because the bytes that orjson returns occupy at least a kilobyte."""
    return bytes(memoryview(orjson.dumps(items, default=as_json, option=orjson.OPT_SORT_KEYS)))
