"""The files of a commit that the code index reads."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from weakref import WeakKeyDictionary

from contexttune.repos.file_kinds import NOT_CODE
from contexttune.repos.git import Tree, is_file
from contexttune.signals.cache import listing
from contexttune.signals.languages.grammars import language_of

_NOT_CODE = re.compile(NOT_CODE, re.IGNORECASE)


class CodeFiles(NamedTuple):
    """The product's files in languages that are known, and their share of those and Python's together."""

    by_path: Mapping[str, tuple[str, str]]  # path -> (language, blob)
    share: float


_FILES: WeakKeyDictionary[Tree, CodeFiles] = WeakKeyDictionary()


def code_files(tree: Tree) -> CodeFiles:
    """Regular files that are neither tests, nor documents, nor somebody else's."""
    if tree not in _FILES:
        _FILES[tree] = _found(tree)
    return _FILES[tree]


def _found(tree: Tree) -> CodeFiles:
    found, n_python = {}, 0
    for path, mode, blob in listing.entries(tree):
        is_python = path.endswith(".py")
        language = None if is_python else language_of(path)
        if (is_python or language) and is_file(mode) and not _NOT_CODE.search(path):
            n_python += is_python
            if language:
                found[path] = (language, blob)
    return CodeFiles(found, len(found) / max(len(found) + n_python, 1))
