"""Decode Python sources, and find their docstrings."""

from __future__ import annotations

import ast
import re
import warnings

_COOKIE = re.compile(rb"\A(?:[ \t\f]*+(?:\#[^\n]*+)?\n)?[ \t\f]*+\#[^\n]*?coding[:=][ \t]*+([-\w.]++)")
_BLANKS = r"(?:[ \t\f\n]++|\#[^\n]*+|\\\n)*+"
_DOC = re.compile(
    _BLANKS
    + r"(?P<prefix>[rRuU]?)(?P<literal>"
    + r'"""(?P<a>(?:[^"\\]++|\\.|"(?!""))*+)"""'
    + r"|'''(?P<b>(?:[^'\\]++|\\.|'(?!''))*+)'''"
    + r'|"(?P<c>(?:[^"\\\n]++|\\.)*+)"'
    + r"|'(?P<d>(?:[^'\\\n]++|\\.)*+)'"
    + r")[ \t\f]*+(?=[\n;\#]|\Z)",
    re.DOTALL,
)


def decode(content: bytes) -> tuple[str, str | None]:
    r"""Text with `\n` line ends, and why it cannot be Python source, or None."""
    problem = "NUL byte" if b"\0" in content else None
    raw = content.removeprefix(b"\xef\xbb\xbf")
    cookie = None if raw.isascii() else _COOKIE.match(raw)
    encoding = cookie[1].decode("ascii", "replace") if cookie else "utf-8"
    try:
        text = raw.decode(encoding)
        text = printable(text) if cookie else text  # some codecs accept lone surrogates
    except (UnicodeError, LookupError):
        text = raw.decode("latin-1")
        problem = problem or f"cannot be decoded as {encoding}"
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text, problem


def first_doc_line(text: str) -> str:
    """First non-blank line of the module docstring, or ""."""
    found = _DOC.match(text)
    if found is None:
        return ""
    body = next(part for part in found.group("a", "b", "c", "d") if part is not None)
    if "\\" in body and found["prefix"] not in ("r", "R"):
        body = _unescaped(found["literal"], body)
    lines = body.strip().splitlines()
    return printable(lines[0].strip()) if lines else ""


def printable(text: str) -> str:
    r"""`text` as valid UTF-8: surrogate-escaped bytes become `\udcXX`."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _unescaped(literal: str, body: str) -> str:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return str(ast.literal_eval(literal))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return body
