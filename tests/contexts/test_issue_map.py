"""The map for an issue, over the real signals of real little repositories."""

import time

import pytest

from contexttune.contexts.issue_map import IssueMap
from contexttune.errors import ConfigError
from contexttune.types import Instance
from tests.contexts.maps import HOSTILE, by_hash_seed, listed, made

FILES = {
    "lib/__init__.py": "",
    "lib/builder.py": (
        "class Builder:\n    def write_doc(self):\n        return self.theme\n\n"
        "    def finish(self):\n        pass\n\n\ndef setup(app): ...\n"
    ),
    "lib/theme.py": '"""Loads colours."""\n\n\ndef load_theme(name):\n    raise KeyError(name)\n',
    "lib/search.py": "def tokenize(text):\n    return text.split()\n",
    "tests/test_theme.py": "def test_load_theme():\n    load_theme()\n",
    "lib/fast.c": "int main() {}\n",
}


def text_of(repo, issue, **settings):
    instance = Instance(
        instance_id="lib-1", repo=repo.repo, base_commit=repo.base_commit, problem_statement=issue
    )
    return IssueMap(**settings).build(repo, instance).text


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    return made(tmp_path_factory.mktemp("issue_map"), FILES)


@pytest.mark.parametrize(
    ("issue", "first"),
    [
        ("Tokenizing text is wrong\n\nThe split should keep commas.", "lib/search.py"),
        ("Error in `load_theme`", "lib/theme.py"),
        ("Wrong colours", "lib/theme.py"),
        ("Something is broken in lib/search.py", "lib/search.py"),
        ('Crash\n  File "/site-packages/lib/builder.py", line 3, in write_doc\n', "lib/builder.py"),
        ("import lib.theme fails", "lib/theme.py"),
    ],
)
def test_the_file_that_the_issue_is_about_comes_first(repo, issue, first):
    text = text_of(repo, issue)
    assert listed(text)[0] == first
    assert set(listed(text)) == set(FILES) - {"tests/test_theme.py"}


def test_the_definition_that_the_issue_is_about_is_named_where_there_is_no_room_for_all(tmp_path):
    others = "".join(f"def other_{n}(x):\n    return x\n\n\n" for n in range(60))
    repo = made(tmp_path, {"lib/a.py": f"{others}def colour(x):\n    return x\n", "lib/b.py": ""})
    assert "lib/a.py: other_0 colour" in text_of(repo, "Wrong colour", total_budget_chars=140)


@pytest.mark.parametrize(
    "issue", ["", "\n", "(((*?[a-z]+\\", "\udcff\0", "```\n" * 500, "word(" * 200_000, "a.b" * 300_000]
)
def test_whatever_the_issue_holds_a_map_comes_out_within_its_budget(repo, issue):
    started = time.monotonic()
    text = text_of(repo, issue, total_budget_chars=400)
    assert time.monotonic() - started < 5
    assert len(text) <= 400
    assert len(set(listed(text))) == len(listed(text)) > 0


@pytest.mark.parametrize("budget", [1, 60, 130, 250])
def test_a_map_is_within_its_budget(repo, budget):
    assert len(text_of(repo, "load_theme", total_budget_chars=budget)) <= budget


def test_a_name_that_one_line_cannot_carry_is_not_listed(tmp_path):
    text = text_of(made(tmp_path, HOSTILE), "hidden seen")
    assert set(listed(text)) == {"lib/plain.py", "lib/ümlaut.py"}
    assert "hidden" not in text


def test_an_empty_repository_has_no_map(tmp_path):
    assert text_of(made(tmp_path, {}), "load_theme") == ""


def test_a_repository_without_python_has_the_definitions_of_its_sources(tmp_path):
    text = text_of(made(tmp_path, {"src/main.rs": "fn main() {}\n"}), "main")
    assert text.splitlines()[1:] == ["src/main.rs: main"]


def test_a_map_is_the_same_whatever_the_hash_seed(tmp_path):
    words = ["alpha", "beta", "gamma", "delta", "omega"]
    files = {f"lib/m{n}.py": "".join(f"def {w}_{n}(x):\n    return {w}\n" for w in words) for n in range(20)}
    repo = made(tmp_path, files)
    script = (
        "from pathlib import Path; from tests.contexts.maps import at_commit; from tests.contexts.test_issue_map"
        f" import text_of; repo = at_commit(Path({str(tmp_path / 'lib')!r}), {repo.base_commit!r});"
        "print(text_of(repo, 'alpha beta\\n\\n`gamma_3` delta lib.m4 omega', total_budget_chars=700))"
    )
    one, other = by_hash_seed(script)
    assert one == other != b""


@pytest.mark.parametrize(
    ("key", "value"), [("total_budget_chars", 0), ("tree_share", -0.1), ("name_weight", -1.0)]
)
def test_a_setting_out_of_range_is_refused_by_its_key(key, value):
    with pytest.raises(ConfigError, match=f"condition.{key}"):
        IssueMap(**{key: value})
