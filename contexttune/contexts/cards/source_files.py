"""Tells source files from tests, documents and build scripts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

_NOT_SOURCE = {
    *("test", "tests", "doc", "docs", "examples", "example", "benchmarks", "benchmark"),
    *("asv_bench", "tutorials", "gallery", "samples", "bench", "release", "tools", "utils_scripts", "ci"),
}

_AMBIGUOUS = re.compile(
    r"[\s:`{},]|\\udc|[^\x20-\U0010ffff]"
)  # \udc: how signals write bytes that are not UTF-8
_NOT_SOURCE_FILES = ("conftest.py", "setup.py", "noxfile.py")


@cache
def is_source(path: str) -> bool:
    """Whether a path is Python code that a fix may touch: not a test, document, example or build script."""
    if not path.endswith(".py") or not is_unambiguous(path):
        return False
    *directories, name = path.split("/")
    if name.startswith("test_") or name.endswith("_test.py") or name in _NOT_SOURCE_FILES:
        return False
    # a package may be called testing (sphinx/testing); only at the top does it contain tests
    return directories[:1] != ["testing"] and _NOT_SOURCE.isdisjoint(directories)


def is_unambiguous(path: str) -> bool:
    """Whether the path is recognizable in text, also within braces, and contains no line break."""
    return not _AMBIGUOUS.search(path) and path.isprintable()


def packages(modules: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(dotted name, path of `__init__.py`) of the top-level packages, most modules first."""
    tops = {
        str(facts["module"]): path
        for path, facts in modules.items()
        if path.endswith("__init__.py") and is_source(path) and "." not in str(facts["module"])
    }
    inside = Counter(str(facts["module"]).partition(".")[0] for facts in modules.values())
    return sorted(tops.items(), key=lambda item: (-inside[item[0]], item[0]))
