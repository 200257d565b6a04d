"""The limits of the house, held by a test: sizes, and who may import whom."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "contexttune"
MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "demo" not in p.relative_to(PACKAGE).parts)
MAX_MODULE_LINES, MAX_FUNCTION_LINES = 300, 50
STAGES = ("signals", "contexts", "runners", "harness", "report")
# The nouns of a context cross from the context stage to the runners by design: one function injects. The page tells by
# the same function which context it was that an attempt was sent.
ALLOWED = {("runners", "contexts.injection"), ("report", "contexts.injection")}
HEAVY = {"swebench", "litellm", "datasets", "pandas", "openai", "docker", "minisweagent", "git", "pydantic"}
HEAVY |= {"numpy", "scipy", "statsmodels", "jinja2", "deepdiff"}
NUMERIC = "analysis"  # imported as a whole where it is used


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_and_its_functions_keep_their_size(path):
    source = path.read_text()
    assert len(source.splitlines()) <= MAX_MODULE_LINES
    long = [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_stages_speak_through_files_and_not_to_each_other(path):
    own = path.relative_to(PACKAGE).parts[0]
    if own not in STAGES:
        return
    imported = {
        node.module.removeprefix("contexttune.")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("contexttune.")
    }
    foreign = {m for m in imported if m.split(".")[0] in STAGES and m.split(".")[0] != own}
    assert {m for m in foreign if (own, m) not in ALLOWED} == set()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_heavy_libraries_are_imported_where_they_are_used(path):
    own = path.relative_to(PACKAGE).parts[0]
    top = [node for node in ast.parse(path.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in top if isinstance(node, ast.ImportFrom)}
    allowed = {"numpy", "scipy"} if own == NUMERIC else set()
    assert ({n.split(".")[0] for n in names} & HEAVY) - allowed == set()


def test_every_part_has_a_yaml_and_every_yaml_a_part():
    conf = PACKAGE.parent / "conf"
    targets = {
        line.split(":", 1)[1].split("#")[0].strip()
        for path in conf.rglob("*.yaml")
        for line in path.read_text().splitlines()
        if line.strip().startswith("_target_: contexttune.")
    }
    modules = {PACKAGE.parent / target.rpartition(".")[0].replace(".", "/") for target in targets}
    assert [
        m for m in modules if not m.with_suffix(".py").exists() and not (m / "__init__.py").exists()
    ] == []
