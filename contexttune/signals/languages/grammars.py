"""Languages by file name, and their tree-sitter parsers. Grammars are installed packages; nothing is downloaded."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from contexttune.signals.languages.queries import QUERIES

if TYPE_CHECKING:
    from tree_sitter import Parser, Query

LANGUAGES = {
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs"), "javascript"),
    **dict.fromkeys((".ts", ".mts", ".cts"), "typescript"),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".c++", ".hh", ".hpp", ".hxx"), "cpp"),
    ".h": "cpp",  # C or C++: the grammar of C++ reads nearly all of C
    ".tsx": "tsx",
    ".c": "c",
    ".rs": "rust",
    ".go": "go",
    ".java": "java",
    ".rb": "ruby",
    ".php": "php",
}
"""File name suffix -> language."""

_PACKAGES = {
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "rust": ("tree_sitter_rust", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
}


class Grammar(NamedTuple):
    """A parser, and the query for its definitions."""

    parser: Parser
    query: Query


def language_of(path: str) -> str | None:
    """Language of a file by the end of its name; None for Python and for unsupported languages."""
    return LANGUAGES.get(path[path.rfind(".") :]) if "." in path else None


@cache
def grammar(language: str) -> Grammar:
    """The grammar of a language, loaded once because that takes some milliseconds."""
    from tree_sitter import Language, Parser, Query

    package, function = _PACKAGES[language]
    read = Language(getattr(import_module(package), function)())
    return Grammar(Parser(read), Query(read, QUERIES[language]))
