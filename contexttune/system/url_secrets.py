"""Finds passwords and keys in the URLs of a text: in front of the host, in the path, and in the query."""

from __future__ import annotations

import re
from collections.abc import Iterator

Span = tuple[int, int]

KEY_WORDS = "key|token|secret|password|passwd|passphrase|credentials?"
_URL = re.compile(r"://([^\s\"'<>`\\]+)")
_VALUE = r"([\w.\[\]-]+)=([^\s&;#\"'<>`\\]+)"
_QUERY = (re.compile(rf"\?{_VALUE}"), re.compile(rf"&{_VALUE}"))  # each begins with a literal, which is fast
_KEY_NAME = re.compile(rf"(?i)({KEY_WORDS}|signature|sig|auth|pwd)\]?$")
_LONG_PART = re.compile(r"/([^/?#]{16,})")  # a shorter part of a path is no key
_LOCAL = ("file", "package", "pkg")  # schemes without a host
_USER_CHARS = 20  # a longer user name is a token
_PREFIX = re.compile(r"(sk|pk|rk|gh[opsu]|glpat|hf|xox[a-z]|key|api)[-_]")
_RANDOM = re.compile(r"(?=[a-zA-Z]*[0-9])(?=[0-9]*[a-zA-Z])[a-zA-Z0-9]{12,}|[a-zA-Z0-9]{24,}")
_DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # of a commit or a file


def without_url_secrets(text: str, mask: str) -> str:
    """`text` with each secret in its URLs replaced by the mask."""
    if "=" not in text and "://" not in text:
        return text
    pieces, end = [], 0
    for begin, after in sorted([*credentials(text), *path_keys(text)]):
        if begin >= end:
            pieces += [text[end:begin], mask]
            end = after
    return "".join([*pieces, text[end:]]) if pieces else text


def credentials(text: str) -> Iterator[Span]:
    """Where passwords stand, tokens as user names, and the values of query parameters that are named like keys."""
    if "=" in text:
        yield from (
            found.span(2)
            for pattern in _QUERY
            for found in pattern.finditer(text)
            if _KEY_NAME.search(found[1]) and _is_literal(found[2])
        )
    for at, url in _urls(text):
        if "@" in url:
            user = re.split("[/?#]", url, maxsplit=1)[0].rpartition("@")[0]
            name, colon, password = user.partition(":")
            if password and _is_literal(password):
                yield at + len(name) + 1, at + len(user)
            elif not colon and len(user) >= _USER_CHARS and _is_literal(user):
                yield at, at + len(user)


def path_keys(text: str) -> Iterator[Span]:
    """Where parts of a path stand that look like keys."""
    for at, url in _urls(text):
        if (first := _LONG_PART.search(url)) and not text.endswith(_LOCAL, 0, at - len("://")):
            end = min((i for i in map(url.find, "?#") if i >= 0), default=len(url))
            for part in _LONG_PART.finditer(url, first.start(), end):
                if _looks_like_key(part[1]):
                    yield at + part.start(1), at + part.end(1)


def _urls(text: str) -> Iterator[tuple[int, str]]:
    """Place and text of what follows each scheme."""
    if "://" in text:
        yield from ((found.start(1), found[1]) for found in _URL.finditer(text))


def _is_literal(value: str) -> bool:
    return not value.startswith(("${", "{"))


def _looks_like_key(part: str) -> bool:
    return not _DIGEST.fullmatch(part) and bool(
        _PREFIX.match(part) or any(map(_RANDOM.fullmatch, re.split("[-_.~%]", part)))
    )
