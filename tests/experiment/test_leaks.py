"""What gives the answer away, and what only looks like it."""

import json

import pytest

from contexttune.experiment import leaks as module
from contexttune.experiment.leaks import BaseText, leaks, name_of_test
from contexttune.repos.git import Tree
from contexttune.types import GoldInstance
from tests.gitrepos import commit

BASE = "def area(shape):\n    if shape.kind == 'circle':\n        return 3 * shape.radius ** 2\n    return shape.width * shape.height\n"
FIXED = BASE.replace("3 * shape", "math.pi * shape")
TESTS = "def test_circle_uses_pi():\n    assert area(Circle(radius=2)) == pytest.approx(12.566, rel=0.001)\n"
PATCH = (
    "--- a/lib/area.py\n+++ b/lib/area.py\n@@ -1,4 +1,4 @@\n def area(shape):\n     if shape.kind == 'circle':\n"
    "-        return 3 * shape.radius ** 2\n+        return math.pi * shape.radius ** 2\n     return shape.width * shape.height\n"
)
ADDED = [*TESTS.splitlines(), "# closes #4711, see #4715"]
TEST_PATCH = "--- /dev/null\n+++ b/tests/test_pi.py\n@@ -0,0 +1,3 @@\n" + "".join(
    f"+{line}\n" for line in ADDED
)


@pytest.fixture(scope="module")
def repo(tmp_path_factory):
    """(git directory, base_commit, a later commit)."""
    home = tmp_path_factory.mktemp("leaks") / "r"
    notes = "Long ago #99 was fixed, see test_square_of_old and 1234567abcdef.\n"
    old = {"lib/area.py": BASE, "NOTES": notes, "tests/test_shape_corners.py": ""}
    base = commit(home, old, "Prepare #4715")
    later = commit(home, {"lib/area.py": FIXED, "tests/test_pi.py": TESTS}, day=2)
    return home / ".git", base, later


def instance(
    repo, statement="The area of a circle is wrong.", tests=("tests/test_pi.py::test_circle_uses_pi",)
):
    return GoldInstance(
        **{"instance_id": "o__shapes-4712", "repo": "o/shapes", "base_commit": repo[1]},
        problem_statement=statement,
        patch=PATCH,
        test_patch=TEST_PATCH,
        row={"FAIL_TO_PASS": json.dumps(tests)},
    )


def found(repo, text, **changes):
    needs_gold = changes.pop("needs_gold", False)
    base = BaseText(lambda: Tree(repo[0], "o/shapes", repo[1]))
    return leaks(text, instance(repo, **changes), base, needs_gold=needs_gold)


def kinds(repo, text, **changes):
    return [(leak.kind, leak.line) for leak in found(repo, text, **changes)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"intro\n\n{FIXED}", [("gold_text", 5)]),
        (f"intro\n{PATCH}", [("gold_text", 8)]),
        ("- 1: if shape.kind == 'circle': return math.pi * shape.radius ** 2", [("gold_text", 1)]),
        (
            "x\n    assert area( Circle(radius = 2) ) == pytest.approx(12.566,\n rel=0.001,)",
            [("test_text", 2)],
        ),
        ("run\ntest_circle_uses_pi", [("test_name", 2)]),
        ("see tests/test_pi.py", [("new_path", 1)]),
        ("fixes #4711", [("number", 1)]),
        ("GH-4712 and https://github.com/o/shapes/pull/4712", [("number", 1)]),
        ("the task is o__shapes-4712", [("number", 1)]),
        ("GH4712", [("number", 1)]),
        ("x\nthe branch issue-4712", [("number", 2)]),
        ("see PR_4712", [("number", 1)]),
    ],
)
def test_the_answer_is_found_by_line(repo, text, expected):
    assert kinds(repo, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        BASE,
        "lib/area.py: area",
        "#99 test_square_of_old 1234567abcdef",
        "see #4715",  # by a commit's message
        "4711 lines, 4712 files, #47110, #471, high4712, tissue-4712",
        "test_circle_uses_pie, my_test_circle_uses_pi, tests/test_pi.pyx",
        "return math.pi * shape.radius ** 2",  # too short to be no coincidence
        "deadbeef0 0000000 abcdefa 12345678",
    ],
)
def test_what_others_could_know_or_write_is_no_leak(repo, text):
    assert kinds(repo, text) == []


def test_what_the_issue_says_is_no_leak(repo):
    said = f"Do as #4711 says in tests/test_pi.py::test_circle_uses_pi:\n{FIXED}"
    assert kinds(repo, said, statement=said) == []
    assert {kind for kind, _ in kinds(repo, said)} == {"gold_text", "test_name", "new_path", "number"}


def test_a_name_that_a_file_of_the_repository_has_is_no_leak(repo):
    tests = ("tests/test_shape_corners.py::test_shape_corners",)
    assert kinds(repo, "tests/: test_shape_corners.py", tests=tests) == []
    assert kinds(repo, "tests/: test_shape_corner5.py", tests=("test_shape_corner5",)) == [("test_name", 1)]


def test_a_later_commit_is_told_from_an_ancestor_and_from_other_digests(repo):
    _, base, later = repo
    text = f"{base}\n{'0123456789' * 4}\n{later[:12]} x\n{base[:9]}"
    (leak,) = found(repo, text)
    assert (leak.kind, leak.line, leak.what, leak.text) == ("later_commit", 3, later[:12], f"{later[:12]} x")


def test_paths_are_expected_of_a_condition_that_is_fed_gold(repo):
    text = "tests/test_pi.py\ntest_circle_uses_pi"
    assert [leak.is_expected for leak in found(repo, text, needs_gold=True)] == [True, False]


def test_a_clean_context_costs_no_look_at_the_repository(repo):
    def refuse():
        raise AssertionError("nothing was suspicious")

    assert leaks("lib/area.py: area\n", instance(repo), BaseText(refuse)) == []


def test_chance_matches_are_rare_for_the_sizes_that_were_chosen():
    """The idiom of all code is no n-gram that tells; the fix is."""
    idiom = (
        "def __init__(self, *args, **kwargs):\n    super().__init__(*args, **kwargs)\n    self.args = args\n"
    )
    patch = "--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,3 @@\n" + "".join(f"+{line}\n" for line in idiom.splitlines())
    assert module.answer_grams(patch) == {}
    assert len(module.answer_grams(PATCH)) > 5


@pytest.mark.parametrize(
    ("test", "name"),
    [
        ("tests/a.py::Class::test_it[a-b::c]", "test_it"),
        ("test_it (a.tests.Class)", "test_it"),
        ("test_it", "test_it"),
        ("A filter changes nothing (again)", "A filter changes nothing (again)"),
    ],
)
def test_names_of_tests_as_runners_print_them(test, name):
    assert name_of_test(test) == name
