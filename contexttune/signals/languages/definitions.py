"""The definitions of one source file: names qualified by what is around them, kinds, lines, signatures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from contexttune.signals.languages.grammars import grammar

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

VERSION = 2  # of what is found; to be raised with a query, this module, or the release of a grammar

_MOST_STEPS = 10_000  # of a hundred each, of the parser: a megabyte of real code needs 7,000
_CHUNK_BYTES = 65_536
_MINIFIED_BYTES, _MINIFIED_LINE = 1_000, 200  # a file that long whose lines are so long on average
_MOST_SIGNATURE_CHARS = 300
_DEEPEST = 40  # definitions around one another: what is in deeper ones has their name

_NAME = re.compile(r"[~#$@]?[^\W\d][\w$]*[?!=]?\Z")
_PART = re.compile(r"::|\.|\\|->")
_GENERIC = re.compile(r"<[^<>]*>")
_OWNER = re.compile(r"[^\W\d]\w*")
_TEST = re.compile(
    r"#!?\[(?:[\w:]*\btest\b|cfg\(test\))"
)  # in Rust, where tests stand among the code that they test
_WITHOUT_BODY = {
    "method",
    "singleton_method",
    "class",
    "module",
}  # in Ruby, where nothing stands before `end`
_TRANSPARENT = {"module", "exports", "prototype", "this", "self", "window", "globalThis", "fn"}
_LEADING = re.compile(r"\A(?:[=:]\s*)?(?:async\b\s*)?(?:class\b|function\b\s*\*?\s*[\w$]*)?\s*")
_TRAILING = re.compile(r"\s*(?:=>|[;,{=])*\s*\Z")


class Unread(Exception):
    """Why a file's definitions are not known; a fact about the file and no failure."""


class Definition(NamedTuple):
    """`kind` is class, function or method; lines count from 1; `line` is that of the name."""

    name: str
    kind: str
    line: int
    signature: str
    first_line: int
    last_line: int


class _Match(NamedTuple):
    """What a pattern has captured. `label` is class, function, scope or space."""

    start: int
    end: int
    label: str
    parts: Sequence[str]
    node: Node
    name_node: Node


class _Around(NamedTuple):
    """A definition that has not ended where the next one begins."""

    end: int
    name: str
    is_class: bool


def symbols(content: bytes, language: str) -> list[dict[str, Any]]:
    """Records as those of `py_index`: {"name", "kind", "line", "signature"}. Raises Unread."""
    keys = ("name", "kind", "line", "signature")
    return [{key: getattr(one, key) for key in keys} for one in definitions(content, language)]


def definitions(content: bytes, language: str) -> list[Definition]:
    """In the order of the file, outer before inner. Raises Unread for what was made by a machine or resists."""
    if len(content) >= _MINIFIED_BYTES and len(content) > _MINIFIED_LINE * (content.count(b"\n") + 1):
        raise Unread("minified")
    if b"\0" in content:
        raise Unread("NUL byte")
    tree = _parsed(content, language)
    return list(_qualified(_matches(tree, language), content))


def _parsed(content: bytes, language: str) -> Tree:
    """The bound is a number of steps and not of seconds, so that all machines agree."""
    n_steps = 0

    def read(at: int, _point: object) -> bytes:
        return content[at : at + _CHUNK_BYTES]

    def is_too_much(_at: int, _has_error: bool) -> bool:
        nonlocal n_steps
        n_steps += 1
        return n_steps > _MOST_STEPS

    parser = grammar(language).parser
    try:
        return parser.parse(read, progress_callback=is_too_much)
    except ValueError:  # what the binding says when it was stopped
        parser.reset()
        raise Unread("too complex") from None


def _matches(tree: Tree, language: str) -> list[_Match]:
    from tree_sitter import QueryCursor

    found: dict[tuple[int, int], _Match] = {}
    for _, captured in QueryCursor(grammar(language).query).matches(tree.root_node):
        names = captured.get("name") or captured["path"]
        parts = _parts(names[0], captured.get("owner"), is_path="path" in captured)
        for label in ("class", "function", "scope", "space"):
            for node in captured.get(label, ()):
                key = (node.start_byte, -node.end_byte)
                if parts and key not in found:
                    found[key] = _Match(node.start_byte, node.end_byte, label, parts, node, names[0])
    return [found[key] for key in sorted(found)]


def _parts(node: Node, owner: Sequence[Node] | None, *, is_path: bool) -> list[str]:
    """The parts of a name that can be told in one word; [] where there is none."""
    text = _text(node).removeprefix("r#")  # how Rust writes a name that is a keyword too
    parts = [text]
    if is_path:
        parts = [part for part in _PART.split(_GENERIC.sub("", text)) if part not in _TRANSPARENT]
    if not parts or not _NAME.match(parts[-1]):
        return []
    kept = [part for part in parts if _NAME.match(part)]
    if owner and (told := _OWNER.search(_text(owner[0]))):
        kept.insert(0, told[0])
    return kept


def _qualified(matches: Sequence[_Match], content: bytes) -> Iterator[Definition]:
    around: list[_Around] = []
    left_out = 0  # up to this byte
    for match in matches:
        if match.start < left_out or _is_test(match.node):
            left_out = max(left_out, match.end)
            continue
        while around and around[-1].end <= match.start:
            around.pop()
        prefix = f"{around[-1].name}." if around else ""
        name = prefix + ".".join(match.parts)
        is_class = match.label in ("class", "scope")
        if len(around) < _DEEPEST:
            around.append(_Around(match.end, name, is_class))
        if match.label in ("scope", "space"):
            continue
        has_owner = len(match.parts) > 1 or (len(around) > 1 and around[-2].is_class)
        yield Definition(
            name=name,
            kind="class" if is_class else "method" if has_owner else "function",
            line=match.name_node.start_point[0] + 1,
            signature=_signature(match, content),
            first_line=match.node.start_point[0] + 1,
            last_line=match.node.end_point[0] + 1,
        )


def _is_test(node: Node) -> bool:
    """Whether an attribute right before a definition in Rust says so."""
    before = node.prev_sibling if node.type in ("function_item", "mod_item") else None
    while before is not None and before.type in ("attribute_item", "line_comment"):
        if before.type == "attribute_item" and _TEST.match(_text(before)):
            return True
        before = before.prev_sibling
    return False


def _signature(match: _Match, content: bytes) -> str:
    """What stands between the name and the body, on one line."""
    end = _header_end(match)
    start = match.name_node.end_byte
    # four bytes are the most that a character takes
    raw = content[start : min(end or match.end, start + 4 * _MOST_SIGNATURE_CHARS)]
    text = _LEADING.sub("", " ".join(raw.decode("utf-8", "replace").split()))
    if end is None:
        text = text.partition("{")[0]
    return _TRAILING.sub("", text)[:_MOST_SIGNATURE_CHARS]


def _header_end(match: _Match) -> int | None:
    """Where the body begins, or None when the whole node is the header."""
    node = match.node
    for field in ("body", "value", "right"):
        child = node.child_by_field_name(field)
        if child is None:
            continue
        if field == "body" or child.type in ("object", "preproc_arg"):
            return child.start_byte
        if inner := child.child_by_field_name("body"):
            return inner.start_byte
    if node.type in _WITHOUT_BODY:
        last = node.child_by_field_name("parameters") or node.child_by_field_name("superclass")
        return (last or match.name_node).end_byte
    return None


def _text(node: Node) -> str:
    return (node.text or b"").decode("utf-8", "replace")
