"""Read import statements from code without long strings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from contexttune.signals.python.lexing import masked

# (level, module, imported names; none for a plain `import`); a list in cached records, as JSON has no tuples
Import = tuple[int, str, list[str]]

_B = r"(?:[ \t\f]|\\\n)"
_LIST = r"(?:[^\n#;\\]++|\\\n)++"
_IMPORT = re.compile(rf"import{_B}++({_LIST})")
_FROM = re.compile(
    rf"from{_B}*+(\.(?:[. \t\f]|\\\n)*+)?((?!import\b)\w++(?:{_B}*+\.{_B}*+\w++)*+)?{_B}*+"
    rf"import{_B}*+(\((?:[^()#]++|#[^\n]*+)*+\)|(?!\(){_LIST})"
)
_INLINE = re.compile(r"[;:][ \t\f]*+(?=(?:import|from)[ \t\f.\\])")
_NOISE = re.compile(r"#[^\n]*|\\\n|[()]")
_DOT = re.compile(r"\s*\.\s*")


def read_import(code: str, start: int) -> tuple[list[Import], int] | None:
    """Imports of the statement at `start`, and its end; None when it is not an import."""
    if code.startswith("from", start):
        found = _FROM.match(code, start)
        if found is None or not (found[1] or found[2]):
            return None
        module = _DOT.sub(".", _NOISE.sub(" ", found[2] or "")).strip()
        return [((found[1] or "").count("."), module, _names(found[3]))], found.end()
    found = _IMPORT.match(code, start)
    if found is None:
        return None
    return [(0, module, []) for module in _names(found[1])], found.end()


def inline_imports(code: str) -> Iterator[int]:
    """Positions in `code` of imports that follow a `;` or `:` on their line."""
    at = code.find("import")
    while at >= 0:
        start, end = code.rfind("\n", 0, at) + 1, code.find("\n", at)
        line = code[start : end if end >= 0 else len(code)]
        if _INLINE.search(line):
            for found in _INLINE.finditer(masked(line)):
                yield start + found.end()
        at = code.find("import", start + len(line))


def _names(listed: str) -> list[str]:
    if "(" in listed or "\\" in listed:
        listed = _NOISE.sub(" ", listed)
    if " ." in listed or ". " in listed:
        listed = _DOT.sub(".", listed)
    return [words[0] for part in listed.split(",") if (words := part.split())]
