"""Replies with drafts, reasoning and odd line ends."""

from __future__ import annotations

import pytest

from contexttune.repos.git import Tree
from contexttune.runners.reply_patch import DOES_NOT_APPLY, patch_of, without_reasoning
from tests.gitrepos import commit

CORE = '''def mean(values):
    """Arithmetic mean; an empty sequence has mean 0.0."""
    return sum(values) / len(values)


def clamp(x, lo, hi):
    """Limit x to the closed interval [lo, hi]."""
    return max(lo, min(x, hi))
'''
FIX = """```diff
--- a/core.py
+++ b/core.py
@@ -1,3 +1,4 @@
 def mean(values):
     \"\"\"Arithmetic mean; an empty sequence has mean 0.0.\"\"\"
-    return sum(values) / len(values)
+    values = list(values)
+    return sum(values) / len(values) if values else 0.0
```
"""
DRAFT = FIX.replace("values = list(values)", "raise NotImplementedError")
OTHER = """```diff
--- a/core.py
+++ b/core.py
@@ -6,3 +6,3 @@
 def clamp(x, lo, hi):
     \"\"\"Limit x to the closed interval [lo, hi].\"\"\"
-    return max(lo, min(x, hi))
+    raise NotImplementedError
```
"""
TWO = """```diff
--- a/core.py
+++ b/core.py
@@ -6,3 +6,3 @@
 def clamp(x, lo, hi):
-    \"\"\"Limit x to the closed interval [lo, hi].\"\"\"
+    \"\"\"Limit x to the interval [lo, hi].\"\"\"
     return max(lo, min(x, hi))
@@ def mean(values):
     \"\"\"Arithmetic mean; an empty sequence has mean 0.0.\"\"\"
-    return sum(values) / len(values)
+    return sum(values) / len(values) if values else 0.0
```
"""


def block(old: str, new: str, path: str = "core.py") -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    repo = tmp_path_factory.mktemp("r") / "r"
    files = {
        "core.py": CORE,
        "dos.py": b"a = 1\r\nb = 2\r\nc = 3\r\n",
        "end.py": "a = 1\nb = 2",
        "twice.py": "a \na\t\n",
        "blanks.py": "a = 1  \nb = 2\t\n",
    }
    return Tree(repo / ".git", "o/r", commit(repo, files))


@pytest.mark.parametrize(
    "reply",
    [
        f"<think>\nA test of the format:\n{OTHER}\nThat is wrong.\n</think>\n{FIX}",
        f"A test of the format:\n{OTHER}\nThat is wrong.</think>\n{FIX}",
        f"<thinking>{DRAFT}</thinking>{FIX}",
        f"<think>{OTHER}</think>\nHm.\n<think>{DRAFT}</think>\n{FIX}",
    ],
)
def test_what_stands_before_the_last_closing_tag_is_no_answer(tree, reply):
    assert patch_of(tree, reply) == patch_of(tree, FIX)


def test_a_draft_is_not_submitted_when_the_model_gives_up(tree):
    assert patch_of(tree, f"<think>{OTHER}</think>\nI cannot solve this.") == ("", None)


def test_reasoning_is_left_out_of_edit_blocks_too(tree):
    draft, final = (
        block("    return sum(values) / len(values)\n", "x\n"),
        block("    return sum(values) / len(values)\n", "y\n"),
    )
    patch, missing = patch_of(tree, f"<think>\n{draft}\n</think>\n{final}", "search_replace")
    assert missing is None
    assert "+y" in patch
    assert "+x" not in patch


def test_a_tag_in_a_diff_or_a_string_ends_no_reasoning():
    for text in ('+    "</think>"\n', ' x = "</think>"\n', "-</think>\n"):
        assert without_reasoning(f"before\n{text}after") == f"before\n{text}after"


def test_the_later_of_two_diffs_of_one_place_is_the_answer_and_the_other_is_named(tree):
    patch, missing = patch_of(tree, f"First try:\n{DRAFT}\nFinal:\n{FIX}")
    assert patch == patch_of(tree, FIX)[0]
    assert "core.py" in (missing or "")


def test_diffs_of_different_places_are_all_the_answer(tree):
    patch, missing = patch_of(tree, f"First:\n{OTHER}\nSecond:\n{FIX}")
    assert missing is None
    assert "+    raise NotImplementedError" in patch
    assert "+    values = list(values)" in patch


def test_hunks_may_have_any_order_and_header(tree):
    patch, missing = patch_of(tree, TWO)
    assert missing is None
    assert patch.count("\n+    ") == 2


def test_a_fence_that_is_not_closed_counts_too(tree):
    patch, missing = patch_of(tree, FIX + OTHER.removesuffix("```\n"))
    assert missing is None
    assert "NotImplementedError" in patch


def test_lines_in_no_hunk_are_reported(tree):
    patch, missing = patch_of(tree, FIX.replace("+    return", "and so on\n+    return"))
    assert "1 changed lines" in (missing or "")
    assert "list(values)" in patch


def test_a_diff_that_does_not_apply_says_so(tree):
    assert patch_of(tree, FIX.replace("core.py", "none.py"))[1] == DOES_NOT_APPLY


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("dos.py", "b = 2\n", "b = 3\nd = 4\n", "-b = 2\r\n+b = 3\r\n+d = 4\r\n"),
        ("dos.py", "a = 1\nb = 2\n", "a = 1\n", "-b = 2\r\n"),
        ("end.py", "b = 2\n", "b = 3\n", "+b = 3\n\\ No newline at end of file\n"),
        ("blanks.py", "a = 1\nb = 2\n", "c = 3\n", "-a = 1  \n-b = 2\t\n+c = 3\n"),
    ],
)
def test_a_search_is_found_whatever_the_line_ends(tree, path, old, new, expected):
    patch, missing = patch_of(tree, block(old, new, path), "search_replace")
    assert missing is None
    assert expected in patch


def test_an_ambiguous_search_is_refused(tree):
    assert "2 times" in (patch_of(tree, block("a\n", "x\n", "twice.py"), "search_replace")[1] or "")
    assert "0 times" in (patch_of(tree, block("absent\n", "x\n"), "search_replace")[1] or "")
