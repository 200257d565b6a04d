"""What the scanner knows of a blob, as the cache keeps it: blob by blob, and a commit's blobs in one piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from contexttune.signals.cache.blob_cache import Kept
from contexttune.signals.cache.raw_json import JsonList

Record = dict[str, Any]  # see `blobs.analyses`
LAYOUT = 2  # of what is kept here
_LISTS = ("imports", "symbols")


def packed(records: Mapping[str, Record]) -> Kept:
    """One row of the cache: a head per blob, and all lists behind each other."""
    heads = []
    parts: list[bytes] = []
    for blob, record in records.items():
        lists = [record[key] for key in _LISTS if key in record]
        parts += [one.raw for one in lists]
        sizes = [size for one in lists for size in (len(one.raw), len(one))]
        heads.append([blob, record["n_bytes"], record.get("doc"), record.get("unparsed"), *sizes])
    return Kept(heads, b"".join(parts))


def dumped(records: Mapping[str, Record]) -> bytes:
    """`packed`, for another process."""
    kept = packed(records)
    head = orjson.dumps(kept.head)
    return b"".join((len(head).to_bytes(8, "little"), head, kept.body))


def loaded(raw: bytes) -> dict[str, Record]:
    """What was `dumped`."""
    body = 8 + int.from_bytes(raw[:8], "little")
    view = memoryview(raw)
    return dict(unpacked(Kept(orjson.loads(view[8:body]), view[body:])))


def unpacked(kept: Kept) -> Iterator[tuple[str, Record]]:
    """What was `packed`; the lists stay undecoded."""
    body, at = kept.body, 0
    for blob, n_bytes, doc, unparsed, *sizes in kept.head:
        record: Record = {"n_bytes": n_bytes}
        if sizes:
            middle = at + sizes[0]
            end = middle + sizes[2]
            record["doc"], record["unparsed"] = doc, unparsed
            record["imports"] = JsonList(body[at:middle], sizes[1])
            record["symbols"] = JsonList(body[middle:end], sizes[3])
            at = end
        yield blob, record
