"""Which files are the code of a repository, as opposed to its tests and documents."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

_NOT_SOURCE = {
    *("test", "tests", "doc", "docs", "examples", "example", "benchmarks", "benchmark"),
    *("asv_bench", "tutorials", "gallery", "samples", "bench", "release", "tools", "utils_scripts", "ci"),
}

_AMBIGUOUS = re.compile(  # \udc: how signals spell bytes that are not UTF-8
    r"[\s:`{},]|\\udc|[^\x20-\U0010ffff]"
)
_NOT_SOURCE_FILES = ("conftest.py", "setup.py", "noxfile.py")


@cache
def is_source(path: str) -> bool:
    """Python code that a fix is likely to touch: not a test, document, example or build script."""
    if not path.endswith(".py") or not is_unambiguous(path):
        return False
    *directories, name = path.split("/")
    if name.startswith("test_") or name.endswith("_test.py") or name in _NOT_SOURCE_FILES:
        return False
    # a package may be *called* testing (sphinx/testing): only one at the top holds tests
    return directories[:1] != ["testing"] and _NOT_SOURCE.isdisjoint(directories)


def is_unambiguous(path: str) -> bool:
    """Whether a reader can tell the path from the line around it, braces included.

    A name may also end its line, and the rest of it look like something that the context says.
    """
    return not _AMBIGUOUS.search(path) and path.isprintable()


def packages(modules: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(dotted name, path of `__init__.py`) of the top-level packages, most modules first."""
    tops = {
        str(facts["module"]): path
        for path, facts in modules.items()
        if path.endswith("__init__.py") and is_source(path) and "." not in str(facts["module"])
    }
    inside = count_by(str(facts["module"]).partition(".")[0] for facts in modules.values())
    return sorted(tops.items(), key=lambda item: (-inside.get(item[0], 0), item[0]))


def count_by(names: Iterable[str]) -> dict[str, int]:
    """How often each name occurs."""
    counts: dict[str, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    return counts
