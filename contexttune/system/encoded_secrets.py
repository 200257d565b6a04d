r"""Finds secrets in a text, however they are encoded there, and at its end, where a limit may have cut one short.

Secret and text are compared without their escapes: backslashes are left out, and \u0041, \x41, %41 and %2541 read as A.
So one comparison stands for plain text, JSON, repr and URLs. Base64 is found by the digits of the secret at each of the
three positions that it may begin at.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote_plus

Place = tuple[int, int]

MIN_CHARS = 8  # of a secret, and of what is left of one that is cut
_MIN_UNESCAPED = 4  # of these, if they are almost all escapes themselves
# Each kind of escape begins with a literal, which is fast.
_PERCENT = re.compile("%(?:25)*([0-9a-fA-F]{2})")
_CODE = re.compile(
    r"\\(?:u([dD][89abAB][0-9a-fA-F]{2})\\+u([dD][c-fC-F][0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U(00(?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4}))"
)
_BACKSLASHES = re.compile(r"(?:\\|%(?:25)*5[cC])+\Z")
_BACKSLASH = re.compile(r"\\")
_OTHER_SURROGATES = re.compile("[\ud800-\udc7f\udd00-\udfff]")  # those that stand for no byte
# What may follow a secret that is cut, without escapes: a piece of an escape that is cut itself, dots, and the end of a
# quotation.
_END = re.compile(r"""\??[%uUx0-9a-fA-F]{0,9}((?:\.\.\.|\xe2\x80\xa6)?["')\]}>]*)""")
_END_CHARS = 16  # of the latter
_ESCAPE_CHARS = 12  # of one character, for example in JSON within JSON
_LETTERS = {ord(char): letter for char, letter in zip("\n\r\t\b\f", "nrtbf", strict=True)}
_URL_SAFE = str.maketrans("+/", "-_")


class _Form(NamedTuple):
    """What a secret is in an unescaped text, and how many characters of it remain where it is cut to the shortest."""

    text: str
    n_cut: int

    @property
    def beginning(self) -> str:
        return self.text[: self.n_cut]


class SecretFinder:
    """Replaces a number of secrets in texts."""

    def __init__(self, secrets: Sequence[str], mask: str) -> None:
        self._mask = mask
        # replaced first, which is fast; no backslash of an escape can stand in front of these
        self._plain = sorted({one for one in secrets if one[:1].isalnum()}, key=len, reverse=True)
        found = {form for secret in secrets for form in _forms(secret) if form.n_cut >= _MIN_UNESCAPED}
        self._forms = sorted(found, key=lambda form: len(form.text), reverse=True)
        self._n_tail = len(self._forms[0].text) + _END_CHARS if found else 0
        self._beginnings = sorted({form.beginning for form in found})

    def masked(self, text: str) -> str:
        """`text` with each secret replaced by the mask."""
        if len(text) < MIN_CHARS or not self._forms:
            return text
        for secret in self._plain:
            text = text.replace(secret, self._mask)
        plain = unescaped(text)
        if any(form.text in plain for form in self._forms):
            text = self._replaced(text)
            plain = unescaped(text)
        # the end of the unescaped text: what is in front of it cannot be the beginning of a secret that is cut
        if any(beginning in plain[-self._n_tail :] for beginning in self._beginnings):
            return self._without_end(text)
        return text

    def _replaced(self, text: str) -> str:
        found = _Unescaped(text)
        pieces, end = [], 0
        texts = [form.text for form in self._forms]
        for first, last in sorted(span for one in texts for span in _occurrences(one, found.plain)):
            begin, after = found.span(first, last)
            if begin >= end:
                pieces += [_ended(text[end:begin]), self._mask]
            end = max(end, after)
        return "".join([*pieces, text[end:]])

    def _without_end(self, text: str) -> str:
        """`text` without the secret that it ends in the middle of."""
        tail = text[-_ESCAPE_CHARS * self._n_tail :]
        found = _Unescaped(tail)
        for form in self._forms:
            for first, _ in _occurrences(form.beginning, found.plain):
                n_same = _n_same(form.text, found.plain[first:])
                ends = (_END.fullmatch(found.plain, first + n) for n in range(n_same, form.n_cut - 1, -1))
                if ending := next(filter(None, ends), None):
                    after = tail[found.span(ending.start(1), len(found.plain))[0] :] if ending[1] else ""
                    begin = len(text) - len(tail) + found.span(first, first + 1)[0]
                    return f"{_ended(text[:begin])}{self._mask}{after}"
        return text


def unescaped(text: str) -> str:
    """`text` without escapes, as bytes of UTF-8, one in each character."""
    plain = _bytes(text)
    if "%" in plain:
        plain = _PERCENT.sub(_character, plain)
    if "\\" in plain:
        plain = _CODE.sub(_character, plain).replace("\\", "")
    return plain


class _Unescaped:
    """A text without its escapes, of which each character knows its place."""

    def __init__(self, text: str) -> None:
        pieces = [_bytes(char) for char in text]
        places = [(number, number + 1) for number, piece in enumerate(pieces) for _ in piece]
        plain = "".join(pieces)
        for pattern in (_PERCENT, _CODE, _BACKSLASH):
            plain, places = _step(pattern, plain, places)
        self.plain, self._places = plain, places

    def span(self, first: int, last: int) -> Place:
        """The place in the text of the characters from `first` to before `last`."""
        return self._places[first][0], self._places[last - 1][1]


def _step(pattern: re.Pattern[str], text: str, places: list[Place]) -> tuple[str, list[Place]]:
    """`text` without one kind of escape, and the place of each of its characters."""
    pieces: list[str] = []
    kept: list[Place] = []
    at = 0
    for found in [*pattern.finditer(text), None]:
        end = len(text) if found is None else found.start()
        pieces.append(text[at:end])
        kept += places[at:end]
        if found is not None:
            at = found.end()
            pieces.append(_character(found))
            kept += [(places[end][0], places[at - 1][1])] * len(pieces[-1])
    return "".join(pieces), kept


def _character(found: re.Match[str]) -> str:
    """What an escape stands for."""
    if found.re is _PERCENT:
        return chr(int(found[1], 16))
    if found.re is _BACKSLASH:
        return ""
    high, low, *codes = found.groups()
    if high:
        return _bytes(chr(0x10000 + ((int(high, 16) - 0xD800) << 10) + int(low, 16) - 0xDC00))
    return "".join(_bytes(chr(int(code, 16))) for code in codes if code)


def _bytes(text: str) -> str:
    """`text` as bytes of UTF-8, one in each character."""
    if text.isascii():
        return text
    return _OTHER_SURROGATES.sub("?", text).encode("utf-8", "surrogateescape").decode("latin-1")


def _forms(secret: str) -> Iterator[_Form]:
    for written in (str, lambda text: quote_plus(text, safe="\\%", errors="surrogateescape")):
        plain, n_cut = unescaped(written(secret)), len(unescaped(written(secret[:MIN_CHARS])))
        yield _Form(plain, n_cut)
        yield _Form(plain.translate(_LETTERS), n_cut)  # of \n, only the backslash is left out
    raw = secret.encode("utf-8", "surrogateescape")
    for before in range(3):  # digits that also depend on what stands around the secret are left out
        digits = base64.b64encode(bytes(before) + raw).decode()
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        yield _Form(digits[first:last], MIN_CHARS)
        yield _Form(digits[first:last].translate(_URL_SAFE), MIN_CHARS)


def _ended(text: str) -> str:
    """`text` without the backslashes of what stood behind it."""
    found = _BACKSLASHES.search(text[-_ESCAPE_CHARS:])
    return text[: len(text) - len(found[0])] if found else text


def _n_same(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    return next(
        (n for n, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]),
        min(len(one), len(other)),
    )


def _occurrences(form: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + 1)
