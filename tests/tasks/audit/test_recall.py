"""Recall of texts in the shapes that maps, trees and lists have."""

import pytest

from contexttune.repos.file_mentions import Paths
from contexttune.tasks.audit.gold_targets import GoldTargets
from contexttune.tasks.audit.recall import cut, names_a_file, read, recall
from tests.repos.test_file_mentions import PATHS

# as aider's repo map writes: files without tags alone in a line, code of others behind bars, gaps as dots
AIDER = """
setup.py

lib/core.py:
⋮
│class Engine:
│    \"\"\"Runs.
│
│    See docs for more, or\n│    lib/util: all of it.
⋮
│    # lib: disable=all
│    @property
│    def size(self):
⋮
│    def start(
│        self,
│        fast: bool = False,
│    ) -> None:
⋮
│def run():
⋮
│    def inner():
⋮

lib/ext/todo.py:
⋮
│class Node(nodes.Element): pass
⋮

src/app/views.py
"""
GOLD = GoldTargets(
    files=("lib/core.py", "lib/ext/todo.py"),
    new_paths=(),
    symbols={"lib/core.py": ("Engine.start", "run"), "lib/ext/todo.py": ("Node",)},
)


def symbols(text: str) -> float:
    return (recall(text, GOLD, PATHS).symbol or 0.0) * 3


@pytest.mark.parametrize(
    ("text", "n"),
    [
        (
            "lib/core.py:\n⋮\n│class Engine:\n│    def start(self):\n⋮\n│def run():\n\nlib/ext/todo.py:\n│class Node:\n",
            3,
        ),
        (AIDER, 3),
        ("## lib/core.py\n\nclass Engine: start stop\n\n## lib/ext/todo.py\nrun Node", 2),
        ("lib/core.py: Engine.start, run; lib/ext/todo.py: Node", 3),
        ("lib/core.py: Node\nlib/ext/todo.py: run, Engine.start", 0),
        ("lib/core.py\n  Engine(stop)\n  run", 1),
        ("lib/core.py: Engine\n\nlib/core.py: start", 0),
        ("lib/core.py: Engine\nlib/util/i18n.py: start run", 0),
        ("- lib/core.py (9 importers)\n- run the tests with Engine.start", 0),
        ('<file path="lib/core.py">\nclass Engine:\n    def start(self): ...\n</file>\n', 1),
        ("lib/\n  core.py\n    Engine start\n  util/\n    i18n.py\n      run", 1),
        ("lib/core.py:Engine.start", 1),
        (
            "## lib/core.py\n```python\n# note\nclass Engine:\n    def start(self): ...\n\ndef run(): ...\n```\n",
            2,
        ),
        (
            '<file path="lib/core.py">\n# note\nclass Engine:\n\n# see lib/ext/todo.py\ndef run():\n    start()\n</file>\nNode',
            2,
        ),
        ("lib/core.py\n\n```\nEngine.start\n```", 1),
        ("lib/core.py\n\nEngine.start", 0),
        ("Engine.start in lib/core.py", 1),
        ("lib/core.py: restart Engines", 0),
        ("lib/core.py\nlib/ext/todo.py\n\nEngine start run Node", 0),
    ],
)
def test_a_symbol_counts_in_a_block_of_its_file_only(text, n):
    assert symbols(text) == pytest.approx(n)


def test_the_files_of_a_map_of_aider_are_those_above_its_code():
    assert list(read(AIDER, PATHS).blocks) == [
        "setup.py",
        "lib/core.py",
        "lib/ext/todo.py",
        "src/app/views.py",
    ]
    found = recall(AIDER, GOLD, PATHS)
    assert (found.file, found.file_literal, found.reciprocal_rank) == (1.0, 1.0, 0.5)


def test_a_sign_that_is_no_part_of_a_word_does_not_hide_a_symbol():
    gold = GoldTargets(
        files=("app/box.rb",), new_paths=(), symbols={"app/box.rb": ("Box.valid?", "Box.name=", "Box.#hid")}
    )
    paths = Paths.of(["app/box.rb"])
    assert recall("app/box.rb: Box(valid? name= #hid)", gold, paths).symbol == 1.0
    assert recall("app/box.rb: Box(invalid? names= hidden)", gold, paths).symbol == 0.0


def test_recall_of_a_text_made_by_hand():
    text = "lib/\n  util/\n    core.py\n  core.py: Engine\nsetup.py\n"
    found = recall(text, GOLD, PATHS)
    assert (found.file, found.file_literal, found.any_hit, found.symbol) == (0.5, 0.0, 1.0, 0.0)
    assert (found.reciprocal_rank, found.n_files, found.n_chars, found.n_tokens) == (
        0.5,
        3,
        52,
        18,
    )  # tokens: o200k_base


@pytest.mark.parametrize("text", ["lib/: conf.py", "lib/\n  conf.py", "lib\n├── conf.py"])
def test_a_file_at_the_top_is_not_named_by_a_file_of_its_name_in_a_directory(text):
    paths, gold = (
        Paths.of(["conf.py", "lib/conf.py"]),
        GoldTargets(files=("conf.py",), new_paths=(), symbols={}),
    )
    found = recall(text, gold, paths)
    assert (found.file, found.file_literal, found.any_hit, found.reciprocal_rank) == (0.0, 0.0, 0.0, 0.0)
    found = recall(f"conf.py\n{text}", gold, paths)
    assert (found.file, found.file_literal, found.any_hit, found.reciprocal_rank) == (1.0, 1.0, 1.0, 1.0)


def test_where_there_is_nothing_to_find_there_is_no_share():
    nothing = GoldTargets(files=(), new_paths=("lib/new.py",), symbols={})
    found = recall("lib/core.py", nothing, PATHS)
    assert (found.file, found.any_hit, found.symbol, found.reciprocal_rank) == (None, None, None, None)


def test_a_text_is_cut_before_the_word_that_does_not_fit():
    text = "lib/core.py lib/core.pyx\n"
    assert cut(text, 23) == "lib/core.py "
    assert cut(text, 11) == "lib/core.py"
    assert cut(text, 99) == text
    assert cut("lib/core.pyx", 11) == ""


@pytest.mark.parametrize(
    ("statement", "is_named"),
    [
        ("it is in core.py", True),
        ("lib.ext.todo fails", True),
        ("at lib/core.py:3", True),
        ("score.py and lib.ext.todos and todo", False),
    ],
)
def test_an_issue_names_a_file_by_path_name_or_module(statement, is_named):
    assert names_a_file(statement, GOLD) is is_named
