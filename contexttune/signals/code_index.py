"""Definitions in source files of languages other than Python."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.repos.file_kinds import NOT_CODE
from contexttune.repos.git import Tree
from contexttune.signals.cache.blob_cache import BlobCache, CacheEntry
from contexttune.signals.cache.raw_json import JsonList
from contexttune.signals.languages.grammars import language_of
from contexttune.signals.python.source import printable

_LAYOUT = 1  # version of the layout of cache entries
_ROWS = 5_000  # written at once: packed records take memory
_NOT_CODE = re.compile(NOT_CODE, re.IGNORECASE)


class _Record(NamedTuple):
    """Symbols of a blob, or the reason why there are none; neither for a blob that was too large to be read."""

    n_bytes: int
    symbols: JsonList | None = None
    reason: str | None = None

    @property
    def was_read(self) -> bool:
        return self.symbols is not None or self.reason is not None


@dataclass(frozen=True, kw_only=True)
class CodeIndex(Signal):
    """{"files": {path: {"language", "symbols"}}, "skipped": [{"path", "reason"}], "share": float}.

    Symbols have the same keys as in `py_index` (name, kind, line, signature), as a list or a JsonList. `name` is
    qualified by the classes, functions and modules around it in the file; `kind` is class (also for interfaces,
    structs, traits, enums and types), function or method; `line` counts from 1 and is that of the name.

    Tests, documentation and vendored code are left out. `share` is the part of the remaining source files, Python's
    included, that these languages have; below `min_share`, no file is read and none is listed.
    """

    name: str = "code_index"
    version: ClassVar[int] = 1
    max_bytes: int = 1_000_000  # larger files are skipped
    min_share: float = 0.3

    def __post_init__(self) -> None:
        if self.max_bytes <= 0:
            raise ConfigError(f"signal.code_index.max_bytes must be above 0, got {self.max_bytes}")
        if not 0 <= self.min_share <= 1:
            raise ConfigError(f"signal.code_index.min_share must be between 0 and 1, got {self.min_share}")

    def extract(self, tree: Tree) -> dict[str, Any]:
        """The index, sorted by path."""
        found, share = _code_files(tree)
        listed = found if share >= self.min_share else {}
        records = self._records(tree, set(listed.values()))
        files, skipped = {}, []
        for path in sorted(listed):
            record, shown = records[listed[path]], printable(path)
            if record.n_bytes > self.max_bytes:
                skipped.append({"path": shown, "reason": f"larger than {self.max_bytes} bytes"})
            elif record.symbols is None:
                skipped.append({"path": shown, "reason": record.reason or ""})
            else:
                files[shown] = {"language": listed[path][0], "symbols": record.symbols}
        return {"files": files, "skipped": skipped, "share": round(share, 4)}

    def _records(self, tree: Tree, wanted: Set[tuple[str, str]]) -> dict[tuple[str, str], _Record]:
        """Records by (language, blob)."""
        known: dict[tuple[str, str], _Record] = {}
        for language in sorted({language for language, _ in wanted}):
            blobs = sorted(blob for own, blob in wanted if own == language)
            for blob, entry in _cache(tree, language).get(blobs).items():
                record = _unpacked(entry)
                if record.n_bytes > self.max_bytes or record.was_read:
                    known[language, blob] = record
        return known | self._read(tree, wanted - known.keys())

    def _read(self, tree: Tree, wanted: Set[tuple[str, str]]) -> dict[tuple[str, str], _Record]:
        languages: dict[str, list[str]] = defaultdict(list)
        for language, blob in sorted(wanted):
            languages[blob].append(language)
        fresh = {
            (language, blob): self._record(content, language)
            for blob, content in tree.read(sorted(languages))
            for language in languages[blob]
        }
        for language in sorted({language for language, _ in fresh}):
            own = sorted(blob for of, blob in fresh if of == language)
            for at in range(0, len(own), _ROWS):
                rows = {blob: _packed(fresh[language, blob]) for blob in own[at : at + _ROWS]}
                _cache(tree, language).put(rows)
        return fresh

    def _record(self, content: bytes, language: str) -> _Record:
        from contexttune.signals.languages.definitions import UnreadableSource, symbols

        if len(content) > self.max_bytes:
            return _Record(len(content))
        try:
            return _Record(len(content), JsonList.of(symbols(content, language)))
        except UnreadableSource as reason:
            return _Record(len(content), reason=str(reason))


def _code_files(tree: Tree) -> tuple[Mapping[str, tuple[str, str]], float]:
    """Path -> (language, blob) of the product's files, and their share of those and Python's together."""
    found, n_python = {}, 0
    for entry in tree.entries:
        is_python = entry.path.endswith(".py")
        language = None if is_python else language_of(entry.path)
        if (is_python or language) and entry.is_file and not _NOT_CODE.search(entry.path):
            n_python += is_python
            if language:
                found[entry.path] = (language, entry.blob)
    return found, len(found) / max(len(found) + n_python, 1)


def _cache(tree: Tree, language: str) -> BlobCache:
    from contexttune.signals.languages.definitions import VERSION

    return BlobCache.of(tree, f"code_{language}-{_LAYOUT}-{VERSION}")


def _packed(record: _Record) -> CacheEntry:
    found = record.symbols
    n_symbols = None if found is None else len(found)
    return CacheEntry([record.n_bytes, n_symbols, record.reason], b"" if found is None else found.raw)


def _unpacked(entry: CacheEntry) -> _Record:
    n_bytes, n_symbols, reason = entry.head
    return _Record(n_bytes, None if n_symbols is None else JsonList(entry.body, n_symbols), reason)
