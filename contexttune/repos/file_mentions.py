"""Finds the files of a repository that a text names, in lists, trees, groups, braces or prose.

A name counts when its full path can be read from the text: it is written out, or the name is below or after its directory,
as in an indented tree, `dir/: a.py b.py`, `dir/{a,b}.py`, or the lines under `dir:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

_MARKS = re.compile(r"[\s│├└─┬┼┌╰╭⋮·•|`+*>#-]*")  # indentation, the lines of a tree, bullets, headings
_BRANCHES = set("├└─┬┼╰╭")
_FENCE = re.compile(r"\s*(```|~~~|</?(?:file|source|document)\b)", re.IGNORECASE)
_HEADING = re.compile(r"\s*(#+)\s")
_END = " \t\r\f\v`'\"()[],;<>|=*“”\u2018\u2019«»—\u2013…→"  # characters that end a name
_AT = re.compile(r"(?:#L\d+.*|::.*|:.*)\Z")  # suffixes of a path: `:12`, `::test`, `:Foo`
_MAX_EXPANDED, _MAX_BRACES = 10_000, 500  # names and braces in one word


@dataclass(frozen=True, kw_only=True)
class Mention:
    """A file named in a line, at [start, end)."""

    path: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a text.

    Attributes:
        indent: columns before the first word; negative for a Markdown heading, and lower for a higher level.
        leads: whether the first word is a file, and not in a comment or in code after a bar.
        is_directory: whether the first word is a directory.
        in_code: whether the line is between fences, or between `<file ...>` and `</file>`.
    """

    text: str
    indent: int
    mentions: Sequence[Mention] = ()
    leads: bool = False
    is_directory: bool = False
    in_code: bool = False

    @property
    def is_blank(self) -> bool:
        return not self.text.strip()


@dataclass(frozen=True)
class Paths:
    """The files of a commit."""

    files: frozenset[str]

    @classmethod
    def of(cls, files: Iterable[str]) -> Paths:
        return cls(frozenset(files))

    @cached_property
    def directories(self) -> frozenset[str]:
        found: set[str] = set()
        for path in self.files:
            while (path := path.rpartition("/")[0]) and path not in found:
                found.add(path)
        return frozenset(found)

    def read(self, text: str) -> Iterator[Line]:
        """The lines of `text`, with the files that they name."""
        reader = _Reader(self)
        for line in text.split("\n"):
            yield reader.line(line)


@dataclass
class _Reader:
    """Reads lines in order, and keeps the directories that bare names may belong to."""

    paths: Paths
    _parent_stack: list[tuple[int, str]] = field(default_factory=list)  # (indent, directory), innermost last
    _in_code: bool = False
    _heading: tuple[int, str] | None = None  # directory of the following lines with the same indent

    def line(self, text: str) -> Line:
        in_code = self._in_code  # where `#` starts a comment, not a heading
        if fence := _FENCE.match(text):
            is_tag = fence[1][0] == "<"
            self._in_code = fence[1][1] != "/" if is_tag else not in_code
            in_code = in_code or not is_tag
        indent, at = _indent(text, in_code)
        if not text.strip():
            return Line(text=text, indent=indent, in_code=in_code)
        while self._parent_stack and self._parent_stack[-1][0] >= indent:
            self._parent_stack.pop()
        if self._heading and self._heading[0] > indent:
            self._heading = None
        mentions: list[Mention] = []
        leads = is_directory = False
        within: str | None = None  # the last directory named in this line
        is_code = _is_code(text[:at], indent)
        words = list(_words(text, at))
        for number, (start, word) in enumerate(words):
            parents = self._parents(within)
            found = self._files(word, parents)
            mentions += [Mention(path=path, start=start, end=start + len(word)) for path in found]
            leads = leads or (number == 0 and bool(found) and not is_code)
            alone = number == 0 and (len(words) == 1 or word.endswith(":"))
            if found or is_code:
                continue
            if (directory := self._directory(word, parents, alone)) is not None:
                is_directory = is_directory or number == 0
                if within is None:
                    self._parent_stack.append((indent, directory))
                    self._heading = (indent, directory) if number == 0 else self._heading
                within = directory
        if mentions and self._heading and (within is not None or indent > self._heading[0]):
            self._heading = (
                None  # its files are in its own line or deeper, so lines with its indent are not below it
            )
        return Line(
            text=text,
            indent=indent,
            mentions=mentions,
            leads=leads,
            is_directory=is_directory,
            in_code=in_code,
        )

    def _parents(self, within: str | None) -> list[str]:
        inner = [self._parent_stack[-1][1]] if self._parent_stack else []
        headed = [self._heading[1]] if self._heading else []
        return [*([within] if within is not None else []), *inner, *headed]

    def _files(self, word: str, parents: Sequence[str]) -> list[str]:
        names = list(expanded(word)) if "{" in word else [word]
        found = [path for name in names if (path := self._file(name, parents)) is not None]
        return list(dict.fromkeys(found))

    def _file(self, word: str, parents: Sequence[str]) -> str | None:
        name = _clean(word)
        if not name or name.endswith("/"):
            return None
        written_out = [name] if "/" in name else []
        for path in (*written_out, *(_joined(parent, name) for parent in parents), name):
            if path in self.paths.files:
                return path
        return None

    def _directory(self, word: str, parents: Sequence[str], alone: bool) -> str | None:
        if _AT.sub("", word) == "./":
            return ""
        name = _clean(word)
        if not (name.endswith("/") or (alone and name)):
            return None
        name = name.strip("/")
        for path in (*(_joined(parent, name) for parent in parents[:1]), name):
            if path in self.paths.directories:
                return path
        return None


def _indent(text: str, in_code: bool) -> tuple[int, int]:
    """(indent as in `Line`, position of the first word)."""
    marks = _MARKS.match(text)
    at = marks.end() if marks else 0
    if not in_code and (heading := _HEADING.match(text)):
        return len(heading[1]) - 100, at
    return len(text[:at].expandtabs(8).replace("`", "")), at


def _is_code(marks: str, indent: int) -> bool:
    """Whether the marks before the first word start a comment, or quote code after a bar without a branch."""
    return (indent >= 0 and "#" in marks) or (marks[:1] == "│" and not _BRANCHES & set(marks))


def _words(text: str, at: int) -> Iterator[tuple[int, str]]:
    """(start, word) pairs. Braces and their content are part of a word."""
    closing, start = _closing(text), at
    while at < len(text):
        if at in closing:
            at = closing[at] + 1
        elif text[at] in _END or text[at] in "{}":
            if start < at:
                yield start, text[start:at]
            at += 1
            start = at
        else:
            at += 1
    if start < at:
        yield start, text[start:at]


def _closing(text: str) -> dict[int, int]:
    """Position of each opening brace -> position of the brace that closes it."""
    opened: list[int] = []
    found = {}
    for at, letter in enumerate(text):
        if letter == "{":
            opened.append(at)
        elif letter == "}" and opened:
            found[opened.pop()] = at
    return found


def expanded(word: str) -> Iterator[str]:
    """Brace expansion as in a shell, cut off after the first names of a very large one."""
    return iter([word]) if word.count("{") > _MAX_BRACES else islice(_expand(word), _MAX_EXPANDED)


def _expand(word: str) -> Iterator[str]:
    begin = word.find("{")
    close = _closing(word).get(begin)
    if close is None:
        yield word
        return
    for choice in _choices(word[begin + 1 : close]):
        for inner in _expand(choice):
            for rest in _expand(word[close + 1 :]):
                yield word[:begin] + inner + rest


def _choices(inside: str) -> list[str]:
    """Alternatives in a brace, separated by commas or blanks outside inner braces."""
    parts, depth = [""], 0
    for letter in inside:
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and letter in ", \t":
            parts.append("")
        else:
            parts[-1] += letter
    return [part for part in parts if part] + ([""] if inside.endswith(",") else [])


def _joined(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name


def _clean(word: str) -> str:
    return _AT.sub("", word).rstrip(".!?").removeprefix("./")
