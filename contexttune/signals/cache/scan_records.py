"""The scanner's results for a blob, as the blob cache stores them."""

from __future__ import annotations

from typing import Any

from contexttune.signals.cache.blob_cache import CacheEntry
from contexttune.signals.cache.raw_json import JsonList

Record = dict[str, Any]
"""What `scan` returns and the size, `n_bytes`; the size alone for a file that was too large to be scanned."""

LAYOUT = 3  # version of the layout of entries
_LISTS = ("imports", "symbols")


def packed(record: Record) -> CacheEntry:
    """The record as a cache entry: JSON of its lists in the body, their sizes and all else in the head."""
    lists = [record[key] for key in _LISTS if key in record]
    sizes = [size for one in lists for size in (len(one.raw), len(one))]
    head = [record["n_bytes"], record.get("doc"), record.get("unparsed"), *sizes]
    return CacheEntry(head, b"".join([one.raw for one in lists]))


def unpacked(entry: CacheEntry) -> Record:
    """The inverse of `packed`; lists are decoded on access."""
    n_bytes, doc, unparsed, *sizes = entry.head
    record: Record = {"n_bytes": n_bytes}
    if sizes:
        middle = sizes[0]
        record |= {
            "doc": doc,
            "unparsed": unparsed,
            "imports": JsonList(entry.body[:middle], sizes[1]),
            "symbols": JsonList(entry.body[middle:], sizes[3]),
        }
    return record
