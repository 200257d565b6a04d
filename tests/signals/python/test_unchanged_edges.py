"""Edges taken over from another commit are those that resolving everything gives."""

from __future__ import annotations

import random

import orjson
import pytest

from contexttune.signals.import_graph import _targets
from contexttune.signals.python.modules import Modules
from contexttune.signals.python.unchanged_edges import still_true

# few names, so that they meet: packages in packages, directories named like modules, roots, oddities
_PARTS = ["a", "a", "b", "b", "c", "src", "tests", "a.py", "__init__"]
_LEAVES = ["a.py", "b.py", "c.py", *["__init__.py"] * 3, 'a"b.py', ".py"]
_NAMES = ["a", "b", "c", "a", "b", "src", "tests", 'a"b', "__init__", "*", "a/b", ""]


def a_path(rng: random.Random) -> str:
    return "/".join([*rng.choices(_PARTS, k=rng.choice((0, 1, 1, 2, 2, 3))), rng.choice(_LEAVES)])


def some_imports(rng: random.Random) -> list:
    """Few a file: one that is resolved anew anyway shows nothing."""
    return [
        [
            rng.choice((0, 0, 0, 1, 2, 3)),
            ".".join(rng.choices(_NAMES, k=rng.choice((0, 1, 1, 2, 3)))),
            rng.choices(_NAMES, k=rng.randrange(3)),
        ]
        for _ in range(rng.choice((1, 1, 2)))
    ]


def resolved(imports: dict[str, list]) -> dict[str, list[str]]:
    names = Modules(imports)
    return {path: sorted(_targets(names, path, found)) for path, found in imports.items()}


def compare(before: dict[str, list], after: dict[str, list]) -> dict[str, list[str]]:
    blobs = {path: orjson.dumps(found) for path, found in after.items()}
    old = {path: orjson.dumps(found).decode() for path, found in before.items()}
    kept = {path: [old[path], *targets] for path, targets in resolved(before).items()}
    found = still_true(
        kept,
        {path: raw.decode() for path, raw in blobs.items()},
        {raw.decode(): raw for raw in blobs.values()},
    )
    full = resolved(after)
    assert found == {path: full[path] for path in found}
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_is_taken_over_is_what_resolving_gives(seed):
    rng = random.Random(seed)
    n_taken = n_edges = 0
    for _ in range(3000):
        before = {a_path(rng): some_imports(rng) for _ in range(rng.randrange(2, 12))}
        after = dict(before)
        for path in list(before)[: rng.choice((0, 1, 1, 2))]:
            del after[path]
        for _ in range(rng.choice((0, 1, 1, 2))):
            after[a_path(rng)] = some_imports(rng)
        found = compare(before, after)
        n_taken += len(found)
        n_edges += sum(map(len, found.values()))
    assert min(n_edges, n_taken) > 300  # it is not right by doing nothing


@pytest.mark.parametrize(
    "path", ["p/new.py", "p/q/__init__.py", "new/__init__.py", "new/m.py", "tests/roots/x/conf.py"]
)
def test_a_new_path_leaves_files_alone_that_do_not_name_it(path):
    before = {
        "p/__init__.py": [[0, "os", []]],
        "p/a.py": [[1, "", ["b"]], [0, "p.b", ["f"]]],
        "p/b.py": [[0, "p", ["a"]]],
        "tests/test_a.py": [[0, "p.a", []]],
    }
    found = compare(before, before | {path: []})
    assert found.keys() == before.keys()
    assert found["tests/test_a.py"] == ["p/a.py"]


def test_a_new_path_is_found_by_the_files_that_name_it():
    before = {"p/__init__.py": [], "p/a.py": [[0, "p", ["new"]]], "p/b.py": [[0, "p", ["a"]]]}
    assert compare(before, before | {"p/new.py": []}).keys() == {"p/__init__.py", "p/b.py"}


def test_many_new_names_are_not_searched_for():
    before = {"a.py": [[0, "b", []]], "b.py": []}
    assert compare(before, before | {f"m{n}.py": [] for n in range(100)}) == {}


def test_a_path_that_is_not_utf8_is_named_by_no_import():
    before = {"a.py": [[0, "b", []]], "b.py": []}
    assert compare(before, before | {"caf\udce9.py": []}).keys() == before.keys()
