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
_STRING = (
    r'"""(?:[^"\\]++|\\.|"(?!""))*+(?:"""|(\\?\Z))'
    r"|'''(?:[^'\\]++|\\.|'(?!''))*+(?:'''|(\\?\Z))"
    r'|"(?:[^"\\\n]++|\\.)*+(?:"|(\\?))'
    r"|'(?:[^'\\\n]++|\\.)*+(?:'|(\\?))"
)  # a group of it matches if the string is not closed
_TOKEN = re.compile(rf"\#[^\n]*+|{_STRING}", re.DOTALL)
_BETWEEN = (  # code, comments and strings within a line, the simple ones first
    r"""(?:[^#'"]++|"[^"\\\n]++"|'[^'\\\n]++'|\#[^\n]*+"""
    r"""|"(?!"")(?:[^"\\\n]++|\\[^\n])*+"|'(?!'')(?:[^'\\\n]++|\\[^\n])*+')*+"""
)
_LONG_STRING = re.compile(rf"{_BETWEEN}()(?:{_STRING}|\Z)", re.DOTALL)
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


def cut_strings(source: str) -> Code:
    """`source` with each string that spans lines replaced by PLACEHOLDER."""
    parts: list[str] = []
    cuts: list[tuple[int, int]] = []
    closed = True
    at = kept_to = length = 0
    while at < len(source):
        found = _LONG_STRING.match(source, at)
        assert found is not None
        start, at = found.end(1), found.end()
        closed = closed and found.lastindex == 1
        if newlines := source.count("\n", start, at):
            parts += (source[kept_to:start], PLACEHOLDER)
            length += start - kept_to + len(PLACEHOLDER)
            cuts.append((length, newlines))
            kept_to = at
    return Code("".join([*parts, source[kept_to:]]), cuts, closed)


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
