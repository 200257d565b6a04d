"""Definitions of a source file: qualified names, kinds, lines, signatures."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from contexttune.signals.languages.grammars import grammar

if TYPE_CHECKING:
    from tree_sitter import Node, Tree

VERSION = 2  # raise it when results change: with a query, this module, or the release of a grammar

_MAX_STEPS = 10_000  # units of a hundred parser steps; a megabyte of real code needs 7,000
_CHUNK_BYTES = 65_536
_MINIFIED_BYTES, _MINIFIED_LINE = (
    1_000,
    200,
)  # minimum size of a minified file, and the average length of its lines
_MAX_SIGNATURE_CHARS = 300
_MAX_DEPTH = 40  # depth of nested definitions; deeper ones are qualified as if at this depth

_NAME = re.compile(r"[~#$@]?[^\W\d][\w$]*[?!=]?\Z")
_PART = re.compile(r"::|\.|\\|->")
_GENERIC = re.compile(r"<[^<>]*>")
_OWNER = re.compile(r"[^\W\d]\w*")
_TEST = re.compile(r"#!?\[(?:[\w:]*\btest\b|cfg\(test\))")  # in Rust, tests are among the code that they test
_WITHOUT_BODY = {
    "method",
    "singleton_method",
    "class",
    "module",
}  # in Ruby, their bodies have no opening token
_TRANSPARENT = {"module", "exports", "prototype", "this", "self", "window", "globalThis", "fn"}
_LEADING = re.compile(r"\A(?:[=:]\s*)?(?:async\b\s*)?(?:class\b|function\b\s*\*?\s*[\w$]*)?\s*")
_TRAILING = re.compile(r"\s*(?:=>|[;,{=])*\s*\Z")


class UnreadableSource(Exception):
    """A file whose definitions cannot be read, such as a minified one; the message is the reason."""


class Definition(NamedTuple):
    """`kind` is class, function or method; lines count from 1; `line` is that of the name."""

    name: str
    kind: str
    line: int
    signature: str
    first_line: int
    last_line: int


class _Match(NamedTuple):
    """Captures of a pattern. `label` is class, function, scope or space."""

    start: int
    end: int
    label: str
    parts: Sequence[str]
    node: Node
    name_node: Node


class _Enclosing(NamedTuple):
    """A definition that encloses the current one."""

    end: int
    name: str
    is_class: bool


def symbols(content: bytes, language: str) -> list[dict[str, Any]]:
    """Records like those of `py_index`: {"name", "kind", "line", "signature"}. Raises UnreadableSource."""
    keys = ("name", "kind", "line", "signature")
    return [{key: getattr(one, key) for key in keys} for one in definitions(content, language)]


def definitions(content: bytes, language: str) -> list[Definition]:
    """Definitions in the order of the file, outer before inner. Raises UnreadableSource for minified or too complex files."""
    if len(content) >= _MINIFIED_BYTES and len(content) > _MINIFIED_LINE * (content.count(b"\n") + 1):
        raise UnreadableSource("minified")
    if b"\0" in content:
        raise UnreadableSource("NUL byte")
    tree = _parsed(content, language)
    return list(_qualified(_matches(tree, language), content))


def _parsed(content: bytes, language: str) -> Tree:
    """The syntax tree. Parsing is limited by steps rather than seconds, so that the result is the same on every machine."""
    n_steps = 0

    def read(at: int, _point: object) -> bytes:
        return content[at : at + _CHUNK_BYTES]

    def is_too_complex(_at: int, _has_error: bool) -> bool:
        nonlocal n_steps
        n_steps += 1
        return n_steps > _MAX_STEPS

    parser = grammar(language).parser
    try:
        return parser.parse(read, progress_callback=is_too_complex)
    except ValueError:  # raised when the callback stops the parser
        parser.reset()
        raise UnreadableSource("too complex") from None


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
    """Identifiers that a name consists of; empty when it is not made of identifiers."""
    text = _text(node).removeprefix("r#")  # Rust's prefix of identifiers that are keywords
    parts = [text]
    if is_path:
        parts = [part for part in _PART.split(_GENERIC.sub("", text)) if part not in _TRANSPARENT]
    if not parts or not _NAME.match(parts[-1]):
        return []
    kept = [part for part in parts if _NAME.match(part)]
    if owner and (owner_name := _OWNER.search(_text(owner[0]))):
        kept.insert(0, owner_name[0])
    return kept


def _qualified(matches: Sequence[_Match], content: bytes) -> Iterator[Definition]:
    enclosing: list[_Enclosing] = []
    skipped_to = 0
    for match in matches:
        if match.start < skipped_to or _is_test(match.node):
            skipped_to = max(skipped_to, match.end)
            continue
        while enclosing and enclosing[-1].end <= match.start:
            enclosing.pop()
        prefix = f"{enclosing[-1].name}." if enclosing else ""
        name = prefix + ".".join(match.parts)
        is_class = match.label in ("class", "scope")
        if len(enclosing) < _MAX_DEPTH:
            enclosing.append(_Enclosing(match.end, name, is_class))
        if match.label in ("scope", "space"):
            continue
        has_owner = len(match.parts) > 1 or (len(enclosing) > 1 and enclosing[-2].is_class)
        yield Definition(
            name=name,
            kind="class" if is_class else "method" if has_owner else "function",
            line=match.name_node.start_point[0] + 1,
            signature=_signature(match, content),
            first_line=match.node.start_point[0] + 1,
            last_line=match.node.end_point[0] + 1,
        )


def _is_test(node: Node) -> bool:
    """Whether an attribute in front of a definition in Rust marks it as a test."""
    before = node.prev_sibling if node.type in ("function_item", "mod_item") else None
    while before is not None and before.type in ("attribute_item", "line_comment"):
        if before.type == "attribute_item" and _TEST.match(_text(before)):
            return True
        before = before.prev_sibling
    return False


def _signature(match: _Match, content: bytes) -> str:
    """The text between name and body, on one line."""
    end = _header_end(match)
    start = match.name_node.end_byte
    # a character has at most four bytes
    raw = content[start : min(end or match.end, start + 4 * _MAX_SIGNATURE_CHARS)]
    text = _LEADING.sub("", " ".join(raw.decode("utf-8", "replace").split()))
    if end is None:
        text = text.partition("{")[0]
    return _TRAILING.sub("", text)[:_MAX_SIGNATURE_CHARS]


def _header_end(match: _Match) -> int | None:
    """Start of the body, or None when the whole node is the header."""
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
