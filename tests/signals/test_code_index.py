import subprocess
import sys

import pytest

from contexttune.errors import ConfigError
from contexttune.signals.code_index import CodeIndex
from contexttune.signals.languages import definitions

FILES = {
    "src/app.js": "function main() {}\n",
    "src/empty.js": "",
    "src/big.js": "// long\n" * 200,
    "src/jquery.min.js": "function min() {}",
    "test/app.js": "function tested() {}",
    "src/app.test.js": "function tested() {}",
    "vendor/lib.js": "function theirs() {}",
    "setup.py": "",
    "README.md": "function none() {}",
    "Makefile": "",
}


def test_source_files_are_indexed_and_larger_ones_listed(tree_of):
    facts = CodeIndex(max_bytes=1_000).extract(tree_of(FILES))
    main = {"kind": "function", "line": 1, "name": "main", "signature": "()"}
    assert facts == {
        "files": {
            "src/app.js": {"language": "javascript", "symbols": [main]},
            "src/empty.js": {"language": "javascript", "symbols": []},
        },
        "skipped": [{"path": "src/big.js", "reason": "larger than 1000 bytes"}],
        "share": 0.75,
    }


def test_nothing_is_read_below_the_minimum_share(tree_of, monkeypatch):
    tree = tree_of({f"lib/m{n}.py": "" for n in range(9)} | {"lib/static/app.js": "function main() {}\n"})
    assert CodeIndex(min_share=0.1).extract(tree)["files"].keys() == {"lib/static/app.js"}
    monkeypatch.setattr(definitions, "symbols", lambda *_: pytest.fail("a file is read"))
    assert CodeIndex().extract(tree) == {"files": {}, "skipped": [], "share": 0.1}


def test_a_blob_is_read_once_and_again_under_another_limit(repository, monkeypatch):
    first = repository.commit(FILES)
    second = repository.commit(FILES | {"src/copy.js": FILES["src/app.js"]})
    signal = CodeIndex(max_bytes=1_000)
    before = signal.extract(repository.tree(first, cached=True))
    assert CodeIndex().extract(repository.tree(first, cached=True))["files"]["src/big.js"]["symbols"] == []
    monkeypatch.setattr(definitions, "symbols", lambda *_: pytest.fail("a cached file is read"))
    assert signal.extract(repository.tree(first, cached=True)) == before
    again = signal.extract(repository.tree(second, cached=True))
    assert again["files"]["src/copy.js"] == before["files"]["src/app.js"]
    assert CodeIndex().extract(repository.tree(second, cached=True))["skipped"] == []


def test_the_same_blob_in_two_languages_has_two_records(tree_of):
    facts = CodeIndex().extract(
        tree_of({"a.c": "int f() {}\n", "a.rs": "int f() {}\n", "b.go": "func f() {}"})
    )
    assert [len(facts["files"][path]["symbols"]) for path in ("a.c", "a.rs", "b.go")] == [1, 0, 1]


def test_no_grammar_is_loaded_for_a_repository_of_python_alone(repository):
    sha = repository.commit({"a.py": "def f(): ...\n"})
    script = (
        "import sys; from pathlib import Path; from contexttune.repos.git import Tree; from contexttune.signals.code_index"
        f" import CodeIndex; print(CodeIndex().extract(Tree(Path({str(repository.git_dir)!r}), 'o/n', {sha!r}))); "
        "print([name for name in sys.modules if name.startswith('tree_sitter')])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == ["{'files': {}, 'skipped': [], 'share': 0.0}", "[]"]


@pytest.mark.parametrize(("key", "value"), [("max_bytes", 0), ("min_share", 1.5)])
def test_a_setting_out_of_range_is_refused_with_its_key(key, value):
    with pytest.raises(ConfigError, match=rf"signal\.code_index\.{key}"):
        CodeIndex(**{key: value})
