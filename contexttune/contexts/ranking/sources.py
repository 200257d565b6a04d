"""The files that a map may list."""

from __future__ import annotations

import re
from functools import cache

from contexttune.contexts.cards.source_files import is_source, is_unambiguous
from contexttune.interfaces import RepoAtCommit
from contexttune.repos.file_kinds import NOT_CODE

_CODE = re.compile(
    r"\.(?:pyx|pxd|pyi|c|cc|cpp|cxx|h|hpp|rs|go|java|kt|cs|js|jsx|mjs|ts|tsx|vue|rb|php|swift|scala|f|f90|sh)\Z"
)
_NOT_CODE = re.compile(NOT_CODE, re.IGNORECASE)
_PROJECT = re.compile(  # build and dependency files at the root of a project
    r"(?:setup\.py|setup\.cfg|pyproject\.toml|tox\.ini|MANIFEST\.in|requirements\.txt|environment\.yml|package\.json"
    r"|tsconfig\.json|Cargo\.toml|go\.mod|pom\.xml|build\.gradle|CMakeLists\.txt|Makefile|meson\.build|Gemfile)\Z"
)


def indexed_sources(repo: RepoAtCommit) -> list[str]:
    """Sorted paths of source files whose definitions are known and whose names are unambiguous."""
    python = [path for path in repo.signals["py_index"]["modules"] if is_source(path)]
    return sorted(path for path in [*python, *_code(repo)] if _is_listable(repo, path))


def other_sources(repo: RepoAtCommit) -> list[str]:
    """Sorted paths of source files without known definitions, and of build and dependency files."""
    files, indexed = repo.signals["tree"]["files"], _code(repo)
    return [path for path in files if _is_code(path) and path not in indexed and _is_listable(repo, path)]


def _code(repo: RepoAtCommit) -> set[str]:
    files = repo.signals["code_index"]["files"]
    return {path for path, facts in files.items() if facts["symbols"]}


@cache
def _is_code(path: str) -> bool:
    return bool(_PROJECT.match(path) or (_CODE.search(path) and not _NOT_CODE.search(path)))


def _is_listable(repo: RepoAtCommit, path: str) -> bool:
    """Whether the path exists (signals escape names that are not UTF-8) and is unambiguous."""
    return path in repo.tree.by_path and is_unambiguous(path)
