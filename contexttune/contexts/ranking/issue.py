"""Reads clues to the code from an issue: words, names, paths, stack frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from contexttune.contexts.ranking.tokenize import IDENTIFIER, STOPWORDS, terms

_MAX_CHARS = 60_000  # longer issues contain a pasted log: only their beginning and end are read
_FENCE = re.compile(r"^[ \t]*```[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"`([^`\n]{1,200})`")
_FRAME = re.compile(r'File "([^"\n]{1,300})", line \d+, in (\w{1,100})')
_PATH = re.compile(r"[\w./\\-]{1,200}?\.(?:py|[cm]?[jt]sx?|rs|go|java|rb|php|c|cc|cpp|cxx|h|hh|hpp)\b")
_DOTTED = re.compile(r"\b[A-Za-z_]\w{0,80}(?:\.[A-Za-z_]\w{0,80}){1,8}")
_NAMED = re.compile(
    r"\b\w*_\w+\b|\b[A-Za-z]+[a-z0-9][A-Z]\w*\b|\b[A-Z]{2,}[a-z]\w+|\b\w+(?=\()|(?<=\.)[A-Za-z_]\w+"
)
_FORM = re.compile(  # an issue template's section about the reporter's environment
    r"^(?:#{1,6}[ \t]|\*\*)[^\n]*\b(?:environment|versions?|system|extensions)\b[^\n]*\n(?:(?!#{1,6}[ \t]|\*\*)[^\n]*\n?)*+",
    re.MULTILINE | re.IGNORECASE,
)
_TITLE, _CODE = 3.0, 0.5  # weights of words there, next to 1 in prose


class Issue(NamedTuple):
    """Clues, in the order of the text. Weights are relative."""

    words: dict[str, float]
    names: dict[str, float]  # identifiers that look like the name of a definition
    dotted: list[str]
    paths: list[str]  # as written, with `/` for `\\`
    frames: list[tuple[str, str]]  # (path, function), the innermost last


def read(text: str) -> Issue:
    """Clues in the text of an issue, which may be empty, a megabyte of log, or full of brackets."""
    if len(text) > _MAX_CHARS:
        text = f"{text[: _MAX_CHARS // 2]}\n{text[-_MAX_CHARS // 2 :]}"
    words: dict[str, float] = {}
    names: dict[str, float] = {}
    for passage, weight in _passages(text):
        for identifier in IDENTIFIER.findall(passage):
            for word in terms(identifier):
                words[word] = words.get(word, 0.0) + weight
    for name, weight in _names(text):
        names[name] = max(names.get(name, 0.0), weight)
    return Issue(
        words={word: weight / (weight + 3.0) for word, weight in words.items()},  # saturates
        names=names,
        dotted=list(dict.fromkeys(_DOTTED.findall(text))),
        paths=list(dict.fromkeys(path.replace("\\", "/") for path in _PATH.findall(text))),
        frames=[(path.replace("\\", "/"), function) for path, function in _FRAME.findall(text)],
    )


def _passages(text: str) -> Iterator[tuple[str, float]]:
    """Title, prose and code, each with its weight."""
    title, _, rest = text.strip().partition("\n")
    rest = _FORM.sub("\n", rest)
    yield title, _TITLE
    yield _FENCE.sub("\n", rest), 1.0
    for found in _FENCE.finditer(rest):
        yield found[1], _CODE


def _names(text: str) -> Iterator[tuple[str, float]]:
    """Identifiers that are quoted or spelled like code in prose; those in code blocks have less weight."""
    prose = _FENCE.sub("\n", text)
    for found in _QUOTED.finditer(prose):
        yield from ((name, 1.0) for name in IDENTIFIER.findall(found[1]) if _is_distinctive(name))
    yield from ((name, 1.0) for name in _NAMED.findall(prose) if _is_distinctive(name))
    for block in _FENCE.finditer(text):
        yield from ((name, _CODE) for name in IDENTIFIER.findall(block[1]) if _is_distinctive(name))


def _is_distinctive(name: str) -> bool:
    return len(name) > 2 and name not in STOPWORDS and not (name.startswith("__") and name.endswith("__"))
