"""Definitions in source files of languages other than Python."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.errors import ConfigError
from contexttune.interfaces import Signal
from contexttune.repos.file_kinds import NOT_CODE
from contexttune.repos.git import Tree
from contexttune.signals.cache.blob_facts import BlobFacts, Facts
from contexttune.signals.languages.grammars import language_of
from contexttune.signals.python.source import printable

_NOT_CODE = re.compile(NOT_CODE, re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class CodeIndex(Signal):
    """{"files": {path: {"language", "symbols"}}, "skipped": [{"path", "reason"}], "share": float}.

    Symbols have the same keys as in `py_index` (name, kind, line, signature). `name` is qualified by the classes, functions and modules around it in the file; `kind` is class (also for interfaces,
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
        facts = {
            language: _analysis(tree, language).of(
                (blob for own, blob in listed.values() if own == language), self.max_bytes
            )
            for language in sorted({language for language, _ in listed.values()})
        }
        files, skipped = {}, []
        for path in sorted(listed):
            language, blob = listed[path]
            one, shown = facts[language][blob], printable(path)
            if "symbols" in one:
                files[shown] = {"language": language, "symbols": one["symbols"]}
            else:
                reason = one.get("reason", f"larger than {self.max_bytes} bytes")
                skipped.append({"path": shown, "reason": reason})
        return {"files": files, "skipped": skipped, "share": round(share, 4)}


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


def _analysis(tree: Tree, language: str) -> BlobFacts:
    from contexttune.signals.languages.definitions import VERSION, UnreadableSource, symbols

    def analyse(content: bytes) -> Facts:
        try:
            return {"symbols": symbols(content, language)}
        except UnreadableSource as reason:
            return {"reason": str(reason)}

    return BlobFacts(tree=tree, kind=f"code_{language}-{VERSION}", analyse=analyse)
