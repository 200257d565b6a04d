"""Measures which gold files and symbols a text names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from contexttune.contexts import tokens
from contexttune.repos.file_mentions import Line, Paths
from contexttune.tasks.audit.gold_targets import GoldTargets

_IDENTIFIER = re.compile(r"[^\W\d]\w*")
_LABELS = {"file", "path", "source", "document", "filename", "name"}


@dataclass(frozen=True, kw_only=True)
class Recall:
    """Recall of one text for one instance. Shares are None when there are no gold files or symbols.

    Attributes:
        file: share of gold files named, in full or readable from a tree, a group or braces.
        file_literal: share of gold files named by their full path, letter by letter.
        any_hit: 1.0 when at least one gold file is named, else 0.0.
        symbol: share of gold symbols with all parts of their names among the identifiers of one block of their file.
        reciprocal_rank: 1 / position of the first gold file among distinct files in the order of the text.
        n_files: distinct files named.
    """

    file: float | None
    file_literal: float | None
    any_hit: float | None
    symbol: float | None
    reciprocal_rank: float | None
    n_files: int
    n_chars: int
    n_tokens: int


def recall(text: str, gold: GoldTargets, paths: Paths) -> Recall:
    """Recall of `text`."""
    reading = read(text, paths)
    literal = {path for path in gold.files if _is_written_out(path, text, reading)}
    named = literal | reading.blocks.keys() & set(gold.files)
    n_symbols = sum(
        any(_identifiers(name) <= block.identifiers for block in reading.blocks.get(path, ()))
        for path, name in _symbols(gold)
    )
    first = next((n for n, path in enumerate(reading.blocks, 1) if path in gold.files), None)
    n = len(gold.files)
    return Recall(
        file=len(named) / n if n else None,
        file_literal=len(literal) / n if n else None,
        any_hit=float(bool(named)) if n else None,
        symbol=n_symbols / gold.n_symbols if gold.n_symbols else None,
        reciprocal_rank=(1 / first if first else 0.0) if n else None,
        n_files=len(reading.blocks),
        n_chars=len(text),
        n_tokens=tokens.count(text),
    )


def cut(text: str, limit_chars: int) -> str:
    """The first `limit_chars` of `text`, without a word that would be cut in two."""
    if len(text) <= limit_chars or text[limit_chars : limit_chars + 1].isspace():
        return text[:limit_chars]
    return text[: max(text.rfind(blank, 0, limit_chars) for blank in " \n\t") + 1]


@dataclass(frozen=True)
class Reading:
    """The lines of a text, and the blocks of lines about each file that it names, in order of the text."""

    blocks: dict[str, list[Block]] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)


@dataclass
class Block:
    """Lines about one file; numbers count from 0."""

    numbers: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def identifiers(self) -> set[str]:
        return {name for text in self.texts for name in _IDENTIFIER.findall(text)}


def read(text: str, paths: Paths) -> Reading:
    """Assign the lines of a text to files.

    A line that names one file belongs to it, as do deeper indented lines below. After a line with nothing but the file,
    so do lines with the same indent up to a blank line, or the code block that follows; after a heading, the lines up to
    the next heading. In a line with several files, the text after each name belongs to it. A line about another file or
    directory ends the block.
    """
    reading, owner = Reading(), _Owner()
    for number, line in enumerate(paths.read(text)):
        reading.lines.append(line)
        if line.is_blank:
            owner.saw_blank = True
            continue
        _assign(reading, owner, number, line)
        owner.saw_blank = False
    return reading


@dataclass
class _Owner:
    """The file that the current lines belong to."""

    block: Block | None = None
    indent: int = 0
    is_open: bool = False  # its line names nothing but the file
    saw_blank: bool = False

    def has(self, line: Line) -> bool:
        if self.block is None:
            return False
        if line.indent > self.indent or (line.in_code and self.is_open):
            return True
        return self.is_open and line.indent == self.indent >= 0 and not self.saw_blank


def _assign(reading: Reading, owner: _Owner, number: int, line: Line) -> None:
    named = list({mention.path: mention for mention in line.mentions}.values())
    is_deeper = line.indent > owner.indent or line.in_code
    inside = owner.has(line) and is_deeper and not (line.leads or line.is_directory)
    for path, text in _parts_of(line):
        block = Block([number], [text])
        reading.blocks.setdefault(path, []).append(block)
        if len(named) == 1 and not inside:
            owner.block, owner.indent, owner.is_open = block, line.indent, _is_bare(text)
    if len(named) > 1 and not inside:
        owner.block = None
    if named and not inside:
        return
    if line.is_directory or not owner.has(line):
        owner.block = None
    elif owner.block is not None:
        owner.block.numbers.append(number)
        owner.block.texts.append(line.text)


def _parts_of(line: Line) -> Iterator[tuple[str, str]]:
    """(path, text about it) for the files that a line names."""
    spots = sorted({(m.start, m.end) for m in line.mentions})
    if len({m.path for m in line.mentions}) == 1:
        rest = line.text
        for start, end in reversed(spots):
            rest = f"{rest[:start]} {_suffix(line.text[start:end])}{rest[end:]}"
        yield line.mentions[0].path, rest
        return
    starts = [start for start, _ in spots[1:]] + [len(line.text)]
    ends = {end: following for (_, end), following in zip(spots, starts, strict=False)}
    for mention in line.mentions:
        word = line.text[mention.start : mention.end]
        yield mention.path, f"{_suffix(word)} {line.text[mention.end : ends[mention.end]]}"


def _suffix(word: str) -> str:
    """The symbol after a path, as in `a.py:Foo.bar`."""
    return word.partition(":")[2] if "{" not in word else ""


def _is_bare(text: str) -> bool:
    return {name.lower() for name in _IDENTIFIER.findall(text)} <= _LABELS


def _symbols(gold: GoldTargets) -> list[tuple[str, str]]:
    return [(path, name) for path, names in gold.symbols.items() for name in names]


def _identifiers(name: str) -> set[str]:
    """Parts of a qualified name, without signs as in `valid?`, `~Box` or `#size`."""
    return set(_IDENTIFIER.findall(name))


def symbols_in(reading: Reading, gold: GoldTargets) -> Mapping[int, list[str]]:
    """Line number -> gold symbols whose last part is in the line and whose other parts are in its block."""
    found: dict[int, list[str]] = {}
    for path, name in _symbols(gold):
        last = _identifiers(name.rpartition(".")[2])
        for block in reading.blocks.get(path, ()):
            if _identifiers(name) <= block.identifiers:
                for number, text in zip(block.numbers, block.texts, strict=True):
                    if last <= set(_IDENTIFIER.findall(text)):
                        found.setdefault(number, []).append(f"{path}: {name}")
    return found


def _is_written_out(path: str, text: str, reading: Reading) -> bool:
    """Whether the full path is in the text; one without a directory must also have been read as this file."""
    if "/" not in path and path not in reading.blocks:
        return False
    return path in text and bool(re.search(rf"(?<![\w./-])(?:\./)?{re.escape(path)}(?![\w/-]|\.\w)", text))


def names_a_file(statement: str, gold: GoldTargets) -> bool:
    """Whether an issue names a gold file by its path, its own name or its module."""
    return any(
        re.search(rf"(?<![\w./-]){re.escape(name)}(?!\w|\.\w+/)", statement)
        for path in gold.files
        for name in _names(path)
    )


def _names(path: str) -> list[str]:
    leaf = path.rpartition("/")[2]
    own = [leaf] if leaf not in ("__init__.py", "__main__.py") else []
    if not path.endswith(".py"):
        return [path, *own]
    module = path.removesuffix(".py").removesuffix("/__init__")
    modules = {module, module.removeprefix("src/"), module.removeprefix("lib/")}
    dotted = [name.replace("/", ".") for name in sorted(modules) if "/" in name]
    return [path, *own, *dotted]
