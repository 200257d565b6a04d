"""Find Python's strings and comments without tokenizing the rest.

A definition quoted in a docstring is not a definition. Therefore strings that span lines are cut out of a source before
it is searched; the rest is called *code*.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MAX_HEADER_CHARS = 20_000  # a limit, so that a broken file is not searched to its end for each `def`
PLACEHOLDER = '"..."'  # replaces a string that spans lines

_SIMPLE = r'"(?:[^"\\\n]++|\\.)*+"|' r"'(?:[^'\\\n]++|\\.)*+'"
_TOKEN = re.compile(
    r"(?P<comment>\#[^\n]*+)"
    r'|"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|(?P<open1>\\?\Z))'
    r"|'''(?:[^'\\]++|\\.|'(?!''))*+(?:'''|(?P<open2>\\?\Z))"
    r'|"(?:[^"\\\n]++|\\.)*+(?:"|(?P<open3>\\?))'
    r"|'(?:[^'\\\n]++|\\.)*+(?:'|(?P<open4>\\?))",
    re.DOTALL,
)
_CLOSED_PREFIX = re.compile(r"""(?:[^#'"\\]++|"[^"\\\n]*+"|'[^'\\\n]*+')*+""")
_HEADER_TOKEN = re.compile(
    r"""[^()\[\]{}'"#:\\\n]++|""" + _SIMPLE + r"|\#[^\n]*+|\\\n|\n[ \t]*+(?:(?:def|class)\b)?|.", re.DOTALL
)
_SPACE = re.compile(_SIMPLE + r"|(?:[ \t\f\n]++|\\\n|\#[^\n]*+)++", re.DOTALL)
_UNEVEN = re.compile(r"\n|\t|\f|  |\( | \)|\[ | \]|\{ | \}")
_OPAQUE = re.compile(r"""['"\#\\]""")  # where blanks may be part of a string or a comment
_INNER_EDGE = re.compile(r"(?<=[(\[{]) | (?=[)\]}])")
_LAST_COMMA = re.compile(r",\)(?=\Z| *->)")


class Code(NamedTuple):
    """A source without its long strings."""

    text: str
    cuts: list[tuple[int, int]]  # (position of a placeholder's end in `text`, newlines cut there)
    closed: bool  # whether every string ends
    exact: bool  # whether every token was examined, or only triple quotes


def cut_strings(source: str) -> Code:
    """`source` with each string that spans lines replaced by PLACEHOLDER."""
    if '"""' not in source and "'''" not in source:
        return Code(source, [], True, False)
    spans = _triple_quoted(source)
    return cut_strings_exactly(source) if spans is None else _cut(source, spans, exact=False)


def cut_strings_exactly(source: str) -> Code:
    """Like `cut_strings`, but examines every string and comment: slower, and correct for unusual quotes too."""
    spans, closed = [], True
    for found in _TOKEN.finditer(source):
        if found.lastgroup == "comment":
            continue
        spans.append(found.span())
        closed = closed and found.lastgroup is None
    code = _cut(source, spans, exact=True)
    return code._replace(closed=closed)


def without_literals(code: str) -> str:
    """`code` without strings and comments, so that all its brackets count."""
    return _TOKEN.sub("", code)


def masked(line: str) -> str:
    """`line` with strings and comments overwritten; positions stay the same."""
    return _TOKEN.sub(lambda found: "_" * len(found[0]), line)


def header_end(code: str, start: int) -> int | None:
    """Position of the colon that ends a compound statement's header, or None when it has none."""
    depth = 0
    for found in _HEADER_TOKEN.finditer(code, start, start + _MAX_HEADER_CHARS):
        token = found[0]
        first = token[0]
        if first in "([{":
            depth += 1
        elif first in ")]}":
            depth -= 1
            if depth < 0:
                return None
        elif first == ":" and depth == 0:
            return found.start()
        elif _breaks_header(token, depth):
            return None
    return None


def one_line(signature: str) -> str:
    """A signature without comments and with single blanks for white space; strings are unchanged."""
    if not _UNEVEN.search(signature):
        return signature
    if _OPAQUE.search(signature):
        text = _SPACE.sub(_blank, signature)
    else:
        text = _INNER_EDGE.sub("", " ".join(signature.split()))
    return _LAST_COMMA.sub(")", text) if "\n" in signature else text


def _breaks_header(token: str, depth: int) -> bool:
    if token[0] == "\n":
        return depth == 0 or token[-1] in "fs"  # a `def` or `class` on a new line: brackets never closed
    return token in ("'", '"')  # a quote that opens nothing complete


def _blank(found: re.Match[str]) -> str:
    if found[0][0] in "'\"":
        return found[0]
    text, start, end = found.string, found.start(), found.end()
    at_edge = start == 0 or end == len(text)
    return "" if at_edge or text[start - 1] in "([{" or text[end] in ")]}" else " "


def _cut(source: str, spans: list[tuple[int, int]], *, exact: bool) -> Code:
    parts: list[str] = []
    cuts: list[tuple[int, int]] = []
    kept_to = length = 0
    for start, end in spans:
        newlines = source.count("\n", start, end)
        if newlines:
            parts += (source[kept_to:start], PLACEHOLDER)
            length += start - kept_to + len(PLACEHOLDER)
            cuts.append((length, newlines))
            kept_to = end
    parts.append(source[kept_to:])
    return Code("".join(parts), cuts, True, exact)


def _triple_quoted(source: str) -> list[tuple[int, int]] | None:
    """Spans of triple-quoted strings, found by searching for quotes alone; None when that is not reliable.

    It is reliable as long as the line in front of each opening quote has no comment, no open string and no
    backslash: then the quotes open a string, and the next unescaped triple closes it.
    """
    find = source.find
    spans: list[tuple[int, int]] = []
    at = 0
    double, single = find('"""'), find("'''")
    while double >= 0 or single >= 0:
        quotes, start = ('"""', double) if single < 0 or 0 <= double < single else ("'''", single)
        verdict = _opens_string(source, at, start)
        if verdict is None:
            return None
        end = find(quotes, start + 3) if verdict else find("\n", start)
        if end < 0 or (verdict and source[end - 1] == "\\"):
            return None
        at = end
        if verdict:
            at = end + 3
            spans.append((start, at))
        double = find('"""', at) if 0 <= double < at else double
        single = find("'''", at) if 0 <= single < at else single
    return spans


def _opens_string(source: str, at: int, quote: int) -> bool | None:
    """Whether the quotes at `quote` open a string (False: they are in a comment; None: unclear)."""
    start = source.rfind("\n", at, quote) + 1
    if start == 0:
        start = at
    elif start >= 2 and source[start - 2] == "\\":
        return None
    prefix = source[start:quote]
    if not prefix or prefix.isspace():
        return True
    found = _CLOSED_PREFIX.match(source, start, quote)
    end = found.end() if found else start
    if end == quote:
        return True
    return False if source[end] == "#" else None
