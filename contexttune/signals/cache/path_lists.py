"""Lists of words by name, as bytes: a path need not be UTF-8, which JSON asks for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def packed(lists: Mapping[str, Iterable[str]]) -> bytes:
    """No name and no path is empty or holds a NUL, so two of them part the lists."""
    text = "\0\0".join(["\0".join((name, *words)) for name, words in lists.items()])
    return text.encode("utf-8", "surrogateescape")


def unpacked(raw: bytes | memoryview) -> dict[str, list[str]]:
    """What was `packed`."""
    if not raw:
        return {}
    blocks = str(raw, "utf-8", "surrogateescape").split("\0\0")
    return {words[0]: words[1:] for words in [block.split("\0") for block in blocks]}
