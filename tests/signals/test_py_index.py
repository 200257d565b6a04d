import pytest

from contexttune.errors import ConfigError
from contexttune.signals.py_index import PyIndex, module_names


def test_modules_are_named_as_code_imports_them(tree_of):
    tree = tree_of(
        {"src/pkg/__init__.py": "", "src/pkg/sub/__init__.py": "", "src/pkg/sub/m.py": "", "setup.py": ""}
    )
    modules = PyIndex().extract(tree)["modules"]
    assert {path: one["module"] for path, one in modules.items()} == {
        "setup.py": "setup",
        "src/pkg/__init__.py": "pkg",
        "src/pkg/sub/__init__.py": "pkg.sub",
        "src/pkg/sub/m.py": "pkg.sub.m",
    }


def test_the_index_holds_docstring_and_symbols(tree_of):
    tree = tree_of({"m.py": '"""First line.\n\nMore."""\n@deco\ndef f(x: int = 1) -> str:\n    return ""\n'})
    assert PyIndex().extract(tree)["modules"]["m.py"] == {
        "module": "m",
        "doc": "First line.",
        "symbols": [{"name": "f", "kind": "function", "line": 5, "signature": "(x: int = 1) -> str"}],
    }


def test_a_file_over_the_limit_is_listed_and_not_read(tree_of):
    tree = tree_of({"big.py": "def a(): pass\n" * 10, "small.py": "def b(): pass\n"})
    facts = PyIndex(max_bytes=100).extract(tree)
    assert facts["unparsed"] == [{"path": "big.py", "reason": "larger than 100 bytes"}]
    assert facts["modules"]["big.py"]["symbols"] == []
    assert len(PyIndex().extract(tree)["modules"]["big.py"]["symbols"]) == 10


def test_a_lower_limit_is_not_answered_by_a_larger_one_nor_the_reverse(repository, tmp_path):
    tree = repository.tree(repository.commit({"a.py": "def f(): pass\n" * 9}), cached=True)
    small, large = PyIndex(max_bytes=50), PyIndex()
    for signal in (small, large, small):
        again = repository.tree(tree.commit, cached=True)
        assert signal.extract(again) == signal.extract(repository.tree(tree.commit))


def test_an_empty_commit_has_no_modules(tree_of):
    assert PyIndex().extract(tree_of({})) == {"modules": {}, "unparsed": []}


def test_a_limit_of_no_bytes_is_refused():
    with pytest.raises(ConfigError, match=r"signal\.py_index\.max_bytes"):
        PyIndex(max_bytes=0)


def test_a_package_begins_below_the_last_directory_without_init():
    assert module_names(
        [
            *("__init__.py", "setup.py", "src/pkg/__init__.py", "src/pkg/m.py"),
            *("src/pkg/sub/__init__.py", "src/pkg/sub/m.py", "src/pkg/scripts/run.py"),
        ]
    ) == {
        "__init__.py": "__init__",
        "setup.py": "setup",
        "src/pkg/__init__.py": "pkg",
        "src/pkg/m.py": "pkg.m",
        "src/pkg/sub/__init__.py": "pkg.sub",
        "src/pkg/sub/m.py": "pkg.sub.m",
        "src/pkg/scripts/run.py": "run",
    }
