"""Source files in languages other than Python, and what they define."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple
from weakref import WeakKeyDictionary

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.repos.git import Contents, Tree
from contexttune.signals.cache import listing
from contexttune.signals.cache.blob_cache import BlobCache, Kept
from contexttune.signals.cache.raw_json import JsonList
from contexttune.signals.languages.language_files import code_files
from contexttune.signals.python.source import printable

_LAYOUT = 1  # of a kept record
_ROWS = 5_000  # of a cache, written at once: they take memory until they are


class _Record(NamedTuple):
    """What is known of a blob: its symbols, or why there are none; neither of one that was too large to be read."""

    n_bytes: int
    symbols: JsonList | None = None
    reason: str | None = None

    @property
    def was_read(self) -> bool:
        return self.symbols is not None or self.reason is not None


class _Pending(NamedTuple):
    """A commit's records that the cache knew, by language and blob, and the content of the other blobs."""

    known: dict[tuple[str, str], _Record]
    contents: Contents


_PENDING: WeakKeyDictionary[Tree, dict[int, _Pending]] = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True)
class CodeIndex(Signal):
    """{"files": {path: {"language", "symbols"}}, "skipped": [{"path", "reason"}], "share": float}.

    Symbols are shaped as those of `py_index`: {"name", "kind", "line", "signature"}; a list or a JsonList. `name` is
    qualified by the classes, functions and modules around it in the file, `kind` is class (also of interfaces, structs,
    traits, enums and types), function or method, and `line`, from 1, is that of the name. Tests,
    documentation and other people's code are left out, see path_kinds.py. `share` is that of these languages in the files
    of the product; where it is below `min_share`, no file is read and none is listed.
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

    def launch(self, tree: Tree) -> None:
        """Let git list the files."""
        listing.launch(tree)

    def start(self, tree: Tree) -> None:
        """Begin reading the files that are new to the cache."""
        _PENDING.setdefault(tree, {})[self.max_bytes] = self._pending(tree)

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Sorted by path; nothing else than the files of these languages is read."""
        records = self._records(tree)
        files, skipped = {}, []
        for path, (language, blob) in sorted(self._files(tree).items()):
            record = records[language, blob]
            if record.n_bytes > self.max_bytes:
                skipped.append({"path": printable(path), "reason": f"larger than {self.max_bytes} bytes"})
            elif record.symbols is None:
                skipped.append({"path": printable(path), "reason": record.reason or ""})
            else:
                files[printable(path)] = {"language": language, "symbols": record.symbols}
        return {"files": files, "skipped": skipped, "share": round(code_files(tree).share, 4)}

    def _files(self, tree: Tree) -> Mapping[str, tuple[str, str]]:
        found = code_files(tree)
        return found.by_path if found.share >= self.min_share else {}

    def _pending(self, tree: Tree) -> _Pending:
        known: dict[tuple[str, str], _Record] = {}
        wanted = set(self._files(tree).values())
        for language in sorted({language for language, _ in wanted}):
            blobs = sorted(blob for of, blob in wanted if of == language)
            for blob, kept in _cache(tree, language).get(blobs).items():
                record = _unpacked(kept)
                if record.n_bytes > self.max_bytes or record.was_read:
                    known[language, blob] = record
        missing = sorted({blob for language, blob in wanted if (language, blob) not in known})
        return _Pending(known, tree.start_reading(missing))

    def _records(self, tree: Tree) -> dict[tuple[str, str], _Record]:
        pending = _PENDING.get(tree, {}).pop(self.max_bytes, None) or self._pending(tree)
        languages: dict[str, list[str]] = {}
        for language, blob in sorted(set(self._files(tree).values()) - pending.known.keys()):
            languages.setdefault(blob, []).append(language)
        fresh = {
            (language, blob): self._record(content, language)
            for blob, content in pending.contents
            for language in languages[blob]
        }
        for language in sorted({language for language, _ in fresh}):
            own = sorted(blob for of, blob in fresh if of == language)
            for at in range(0, len(own), _ROWS):
                rows = {blob: _packed(fresh[language, blob]) for blob in own[at : at + _ROWS]}
                _cache(tree, language).put(rows)
        return pending.known | fresh

    def _record(self, content: bytes, language: str) -> _Record:
        from contexttune.signals.languages.definitions import Unread, symbols

        if len(content) > self.max_bytes:
            return _Record(len(content))
        try:
            return _Record(len(content), JsonList.of(symbols(content, language)))
        except Unread as reason:
            return _Record(len(content), reason=str(reason))


def _cache(tree: Tree, language: str) -> BlobCache:
    from contexttune.signals.languages.definitions import VERSION

    return BlobCache.of(tree, f"code_{language}-{_LAYOUT}-{VERSION}")


def _packed(record: _Record) -> Kept:
    found = record.symbols
    n_symbols = None if found is None else len(found)
    return Kept([record.n_bytes, n_symbols, record.reason], b"" if found is None else found.raw)


def _unpacked(kept: Kept) -> _Record:
    n_bytes, n_symbols, reason = kept.head
    return _Record(n_bytes, None if n_symbols is None else JsonList(kept.body, n_symbols), reason)
