"""The map of a commit, over the real signals of real little repositories."""

import os

import pytest

from contexttune.contexts.repo_map import RepoMap
from contexttune.errors import ConfigError
from tests.contexts.maps import HOSTILE, at_commit, by_hash_seed, listed, made
from tests.gitrepos import commit

LONG = "def long():\n" + "    x = 1\n" * 60
FILES = {
    "lib/__init__.py": "",
    "lib/calm.py": "def quiet(): ...\n",
    "lib/hot.py": "def start(): ...\n",
    "lib/sub/deep.py": "class Box:\n    def get(self): ...\n",
    "lib/fast.c": "int main() {}\n",
    "docs/conf.py": "def setup(): ...\n",
    "tests/test_hot.py": "def test_hot(): ...\n",
}


def text_of(repo, **settings):
    return RepoMap(**settings).build(repo, None).text


def test_the_file_that_changes_most_comes_first_and_tests_are_not_listed(tmp_path):
    commit(tmp_path / "lib", FILES)
    for n in range(3):
        sha = commit(tmp_path / "lib", {"lib/hot.py": f"def start(): ...\nx = {n}\n"}, day=n + 2)
    lines = text_of(at_commit(tmp_path / "lib", sha)).splitlines()
    assert lines[0].startswith("Map of owner/lib: ")
    assert lines[1] == "lib/hot.py: start"
    assert set(listed("\n".join(lines))) == set(FILES) - {"docs/conf.py", "tests/test_hot.py"}


def test_a_recent_change_counts_more_than_an_older_one(tmp_path):
    for day, name in enumerate(["b", "a", "b", "a"]):
        sha = commit(tmp_path / "lib", {f"{name}.py": f"def f(): ...\nx = {day}\n"}, day=day + 1)
    repo = at_commit(tmp_path / "lib", sha)
    assert listed(text_of(repo, half_life_commits=1.0)) == ["a.py", "b.py"]


def test_the_longest_definition_is_named_where_there_is_no_room_for_all(tmp_path):
    short = "".join(f"def short_{n}(): ...\n" for n in range(50))
    repo = made(tmp_path, {"lib/a.py": short + LONG + "def last(): ...\n"})
    assert "\nlib/a.py: long last" in text_of(repo, total_budget_chars=112)


@pytest.mark.parametrize("budget", [1, 50, 120, 200, 400])
def test_a_map_is_within_its_budget(tmp_path, budget):
    files = {f"lib/module_{n}.py": LONG + "class Box:\n    def get(self): ...\n" for n in range(20)}
    assert len(text_of(made(tmp_path, files), total_budget_chars=budget)) <= budget


def test_a_name_that_one_line_cannot_carry_is_not_listed_and_the_others_are(tmp_path):
    repo_dir = tmp_path / "lib"
    commit(repo_dir, HOSTILE)
    raw = os.fsencode(repo_dir) + b"/lib/latin-\xe9.py"
    with open(raw, "wb") as file:  # noqa: PTH123 -- a path of bytes
        file.write(b"def hidden(): ...\n")
    text = text_of(at_commit(repo_dir, commit(repo_dir, {}, day=2)))
    assert set(listed(text)) == {"lib/plain.py", "lib/ümlaut.py"}
    assert "hidden" not in text


def test_an_empty_repository_has_no_map(tmp_path):
    assert text_of(made(tmp_path, {})) == ""


def test_a_repository_without_python_has_its_sources_by_directory(tmp_path):
    files = {"src/main.kt": "fun main() {}\n", "src/lib.rs": "", "README.md": "hello\n", "logo.png": b"\x89"}
    assert text_of(made(tmp_path, files)).splitlines()[1:] == ["Other files:", "src/lib.rs", "src/main.kt"]


def test_a_map_is_the_same_whatever_the_hash_seed(tmp_path):
    files = {f"lib/m{n}.py": f"class C{n}:\n    def get_{n}(self): ...\n" for n in range(30)}
    repo = made(tmp_path, files)
    script = (
        "from pathlib import Path; from tests.contexts.maps import at_commit; import sys, hashlib;"
        "from contexttune.contexts.repo_map import RepoMap;"
        f"repo = at_commit(Path({str(tmp_path / 'lib')!r}), {repo.base_commit!r});"
        "print(hashlib.sha256(RepoMap(total_budget_chars=900).build(repo, None).text.encode()).hexdigest())"
    )
    one, other = by_hash_seed(script)
    assert one == other != b""


@pytest.mark.parametrize(
    ("key", "value"), [("total_budget_chars", 0), ("tree_share", 1.5), ("half_life_commits", 0.0)]
)
def test_a_setting_out_of_range_is_refused_by_its_key(key, value):
    with pytest.raises(ConfigError, match=f"condition.{key}"):
        RepoMap(**{key: value})
