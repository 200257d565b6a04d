"""Imports go one way: between rooms by the order in docs/architecture.md, and between modules without a circle.

Every import counts: at the top of a module, inside a function, and under TYPE_CHECKING.
"""

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "contexttune"
# Each room imports only rooms of earlier lines, and none of its own line.
LEVELS = (
    ("types",),
    ("errors",),
    ("system",),
    ("paths", "injection"),
    ("config",),
    ("analysis",),
    ("repos",),
    ("interfaces",),
    ("instances",),
    ("sandbox", "models", "signals"),
    ("contexts", "runners", "harness"),
    ("experiment",),
    ("report",),
    ("launch",),
    ("tasks",),
    ("main",),
    ("__main__",),
)
LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
    if "demo" not in path.relative_to(PACKAGE).parts
}


def imported(module: str) -> set[str]:
    """The modules of the package that `module` imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module} has a relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name in MODULES:
                found.add(name)
            elif name.rpartition(".")[0] in MODULES:
                found.add(name.rpartition(".")[0])
    return found - {module, "contexttune"}


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else module


IMPORTS = {module: imported(module) for module in MODULES}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_only_rooms_below_its_own(module):
    if module == "contexttune":
        return
    own = room(module)
    wrong = {name for name in IMPORTS[module] if room(name) != own and LEVEL[room(name)] >= LEVEL[own]}
    assert wrong == set()


def test_modules_import_each_other_in_no_circle():
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_no_two_modules_share_a_name():
    named = defaultdict(list)
    for module in MODULES:
        if MODULES[module].name != "__init__.py":
            named[module.rpartition(".")[2]].append(module)
    assert {name: found for name, found in named.items() if len(found) > 1} == {}


def test_the_package_root_holds_the_entry_the_nouns_and_the_seams():
    assert len(list(PACKAGE.glob("*.py"))) <= 8
