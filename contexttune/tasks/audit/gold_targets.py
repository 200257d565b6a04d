"""Files and definitions at base_commit that the gold patch changes, which a good context would name."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from contexttune.instances.patch import Edit, FileChange, parse
from contexttune.signals.languages.grammars import language_of
from contexttune.types import GoldInstance

_MAX_BYTES = 1_000_000  # larger files in other languages than Python have no gold symbols

_DEFINITION = re.compile(r"(?P<indent>[ \t]*)(?:async[ \t]+)?(?P<kind>def|class)[ \t]+(?P<name>\w+)")

_BLOCK = re.compile(r"(?P<indent>[ \t]*)(?:if|elif|else|for|while|try|except|finally|with)\b.*:")


@dataclass(frozen=True, kw_only=True)
class GoldTargets:
    """Targets of one instance.

    Attributes:
        files: paths that the gold patch changes and base_commit has, sorted.
        new_paths: paths that the gold or the test patch creates, sorted.
        symbols: path -> qualified names, sorted; files without any are absent.
    """

    files: Sequence[str]
    new_paths: Sequence[str]
    symbols: Mapping[str, Sequence[str]]

    @property
    def n_symbols(self) -> int:
        return sum(map(len, self.symbols.values()))


@dataclass(frozen=True, kw_only=True)
class Definition:
    """A class, or a function outside functions. Lines count from 1 and include decorators."""

    name: str
    first: int
    last: int
    column: int


def find_gold(instance: GoldInstance, text_of: Callable[[str], str | None]) -> GoldTargets:
    """The targets of an instance; `text_of` returns a file's text at base_commit, or None.

    A gold symbol is the innermost definition around a line that the patch removes or rewrites, or that added lines
    belong to. Functions are innermost: what is inside them counts as the function. Blank lines and lines outside
    definitions do not count. Definitions that the patch adds are no targets; the class around them is.
    """
    changes = parse(instance.patch)
    texts = {c.old: text for c in changes if c.old and (text := text_of(c.old)) is not None}
    symbols = {
        change.old: names
        for change in changes
        if change.old in texts and (known := definitions_of(change.old, texts[change.old]))
        if (names := sorted(_touched(change, texts[change.old], known)))
    }
    created = [c.new for c in (*changes, *parse(instance.test_patch)) if c.new and c.new != c.old]
    new = sorted({path for path in created if text_of(path) is None})
    return GoldTargets(files=sorted(texts), new_paths=new, symbols=symbols)


def definitions_of(path: str, source: str) -> list[Definition]:
    """Definitions of a file, by the language of its suffix; [] for unknown languages."""
    if path.endswith(".py"):
        return definitions(source)
    language = language_of(path)
    return list(_by_grammar(source, language)) if language else []


def _by_grammar(source: str, language: str) -> Iterator[Definition]:
    from contexttune.signals.languages.definitions import UnreadableSource
    from contexttune.signals.languages.definitions import definitions as read

    content = source.encode(errors="replace")
    try:
        found = read(content, language) if len(content) <= _MAX_BYTES else []
    except UnreadableSource:
        return
    inside = {one.name: one.kind != "class" for one in found}
    lines = source.split("\n")
    local: set[str] = set()
    for one in found:
        around = one.name.rpartition(".")[0]
        if inside.get(around) or around in local:
            local.add(one.name)
            continue
        first = lines[one.first_line - 1]
        column = len(first) - len(first.lstrip())
        yield Definition(name=one.name, first=one.first_line, last=one.last_line, column=column)


def definitions(source: str) -> list[Definition]:
    """Definitions of a Python file, outer before inner; found by indentation if this Python cannot parse it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(_parsed(ast.parse(source).body, ""))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return list(_by_indentation(source.split("\n")))


def _parsed(body: Sequence[ast.stmt], prefix: str) -> Iterator[Definition]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            last, name = node.end_lineno or node.lineno, prefix + node.name
            yield Definition(name=name, first=first, last=last, column=node.col_offset)
            if isinstance(node, ast.ClassDef):
                yield from _parsed(node.body, f"{name}.")
        else:  # definitions under `if`, `try`, `with`
            for part in ("body", "orelse", "finalbody"):
                yield from _parsed(getattr(node, part, None) or [], prefix)
            for handler in getattr(node, "handlers", []):
                yield from _parsed(handler.body, prefix)


def _by_indentation(lines: Sequence[str]) -> Iterator[Definition]:
    """Definitions by indentation, without decorators."""
    around: list[tuple[int, str, bool]] = []  # (column, qualified name, is a class)
    for number, line in enumerate(lines, 1):
        found = _DEFINITION.match(line) or _BLOCK.match(line)
        if found is None:
            continue
        column = len(found["indent"])
        while around and around[-1][0] >= column:
            around.pop()
        if found.re is _BLOCK:
            continue
        name = f"{around[-1][1]}.{found['name']}" if around else found["name"]
        if all(is_class for _, _, is_class in around):
            yield Definition(name=name, first=number, last=_end(lines, number, column), column=column)
        around.append((column, name, found["kind"] == "class"))


def _end(lines: Sequence[str], first: int, column: int) -> int:
    """Last line of the definition that starts in line `first`, by indentation."""
    last = first
    for number, line in enumerate(lines[first:], first + 1):
        if not line.strip():
            continue
        if len(line) - len(line.lstrip()) <= column and not line.lstrip().startswith((")", "#")):
            break
        last = number
    return last


def _touched(change: FileChange, source: str, known: Sequence[Definition]) -> set[str]:
    lines = source.split("\n")
    found = set()
    for edit in change.edits:
        if edit.removed:
            holders = [_around(known, n) for n in edit.removed if lines[n - 1 : n] and lines[n - 1].strip()]
        else:
            holders = [_extended(known, lines, edit)]
        found |= {chain[-1].name for chain in holders if chain}
    return found


def _around(known: Sequence[Definition], line: int) -> list[Definition]:
    """Definitions around a line, innermost last."""
    return [d for d in known if d.first <= line <= d.last]


def _extended(known: Sequence[Definition], lines: Sequence[str], edit: Edit) -> list[Definition]:
    """Definitions that added lines belong to: those around the line before that continue after it or are extended."""
    texts = [text for text in edit.added if text.strip()]
    if not texts:
        return []
    before = next((n for n in range(min(edit.after, len(lines)), 0, -1) if lines[n - 1].strip()), 0)
    following = next(
        (n for n in range(edit.after + 1, len(lines) + 1) if lines[n - 1].strip()), len(lines) + 1
    )
    indent = len(texts[0]) - len(texts[0].lstrip())
    chain = _around(known, before)
    while chain and not (chain[-1].first <= following <= chain[-1].last or indent > chain[-1].column):
        chain.pop()
    return chain
