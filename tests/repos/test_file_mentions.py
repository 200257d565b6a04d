"""Texts of known content in the shapes that maps, trees and lists have."""

import pytest

from contexttune.repos.file_mentions import Paths

FILES = [
    *("setup.py", "lib/__init__.py", "lib/core.py", "lib/ext/auto/__init__.py", "lib/ext/auto/mock.py"),
    *("lib/ext/todo.py", "lib/util/i18n.py", "lib/util/core.py", "docs/conf.py", "src/app/views.py"),
]
PATHS = Paths.of(FILES)


def named(text: str, paths: Paths = PATHS) -> list[str]:
    mentions = [mention for line in paths.read(text) for mention in line.mentions]
    return list(dict.fromkeys(mention.path for mention in mentions))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see lib/core.py, lib/ext/todo.py.", ["lib/core.py", "lib/ext/todo.py"]),
        ("./lib/core.py:12: error", ["lib/core.py"]),
        ("lib/core.py::test_x lib/ext/todo.py#L3-L9", ["lib/core.py", "lib/ext/todo.py"]),
        ("(`lib/core.py`)", ["lib/core.py"]),
        (
            "lib/core.py—the engine, “lib/ext/todo.py”, setup.py\u2019s",
            ["lib/core.py", "lib/ext/todo.py", "setup.py"],
        ),
        ("xlib/core.py lib/core.pyi lib/core.py2 lib/core", []),
        ("core.py and todo.py", []),
        ("- `lib/ext/`: todo.py auto/mock.py", ["lib/ext/todo.py", "lib/ext/auto/mock.py"]),
        (
            "lib/util/: i18n.py, core.py; docs/: conf.py",
            ["lib/util/i18n.py", "lib/util/core.py", "docs/conf.py"],
        ),
        ("lib/{core,ext/todo}.py", ["lib/core.py", "lib/ext/todo.py"]),
        ("lib/{core.py, util/{i18n,core}.py}", ["lib/core.py", "lib/util/i18n.py", "lib/util/core.py"]),
        ("lib/ext/{auto/mock.py todo.py}", ["lib/ext/auto/mock.py", "lib/ext/todo.py"]),
        ("lib/{core,", []),
        (
            "lib/\n  core.py\n  ext/\n    todo.py\n  util/\n    core.py",
            ["lib/core.py", "lib/ext/todo.py", "lib/util/core.py"],
        ),
        (
            "lib\n├── core.py\n├── ext\n│   └── todo.py\n└── util\n    └── i18n.py\n",
            ["lib/core.py", "lib/ext/todo.py", "lib/util/i18n.py"],
        ),
        ("project/\n  lib/\n    core.py\n  setup.py", ["lib/core.py", "setup.py"]),
        (
            "lib/util:\ncore.py\ni18n.py\n\nlib/ext:\ntodo.py",
            ["lib/util/core.py", "lib/util/i18n.py", "lib/ext/todo.py"],
        ),
        (
            "## lib/util\n- i18n.py\n- core.py\n## docs\n- conf.py",
            ["lib/util/i18n.py", "lib/util/core.py", "docs/conf.py"],
        ),
        ("lib/util/\n  i18n.py\nmock.py", ["lib/util/i18n.py"]),
        ("", []),
    ],
)
def test_a_name_counts_when_its_full_path_can_be_told(text, expected):
    assert named(text) == expected


@pytest.mark.parametrize(
    "text", ["docs/: conf.py", "docs/\n  conf.py", ".\n├── docs\n│   └── conf.py", "see docs/"]
)
@pytest.mark.parametrize("top", ["setup.py", "setup.py: x", "./: setup.py", "./\n  setup.py"])
def test_what_follows_a_directory_and_its_files_at_its_own_indent_is_none_of_them(text, top):
    paths = Paths.of(["setup.py", "docs/setup.py", "docs/conf.py"])
    mark = "└── " if "├" in text else ""
    assert named(f"{text}\n{mark}{top}", paths)[-1] == "setup.py"


def test_no_text_is_too_strange_to_be_read():
    for text in (
        "{" * 5000,
        "{a,b}" * 40,
        "{" + "{a,b}," * 40 + "}",
        "\0\udcff\u2028/",
        "/" * 5000,
        "- " * 5000,
    ):
        assert named(text) == []
