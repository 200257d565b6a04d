"""What models write, against real git: the repaired diff must apply and give the intended file."""

import subprocess

import pytest

from contexttune.repos.commit_index import commit_index
from contexttune.repos.git import Tree
from contexttune.runners.diff_repair import drop_drafts, repair
from contexttune.runners.reply_diff import find_diffs
from tests.gitrepos import commit

OLD = "".join(f"line {n}\n" for n in range(1, 21))
NEW = OLD.replace("line 10\n", "line ten\n")
PLAIN = """--- a/f.txt
+++ b/f.txt
@@ -8,5 +8,5 @@
 line 8
 line 9
-line 10
+line ten
 line 11
 line 12
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    repo = tmp_path_factory.mktemp("r") / "r"
    sha = commit(
        repo,
        {
            "f.txt": OLD,
            "end.txt": "a\nb",
            "blank.py": "def a():\n    x = 1  \n\n    return x\n\n\ndef b():\n    pass\n",
        },
    )
    return Tree(repo / ".git", "o/r", sha)


def repaired(reply: str, tree: Tree) -> str:
    patches, _ = drop_drafts(find_diffs(reply), tree.text)
    return repair(patches, tree.text)


def result(tree: Tree, reply: str, path: str = "f.txt") -> str | None:
    """The file after the reply's diff, through find_diff, repair and git; None when git refuses it."""
    with commit_index(tree) as index:
        diff = index.apply(repaired(reply, tree), repaired=True)
        if diff is None:
            return None
        show = ["git", "--git-dir", str(tree.git_dir), "show", f":{path}"]
        import os

        return subprocess.run(
            show, env={**os.environ, **index.env}, capture_output=True, check=True
        ).stdout.decode()


@pytest.mark.parametrize(
    "reply",
    [
        PLAIN,
        f"Here:\n```diff\n{PLAIN}```\nDone.",
        f"Here:\n````patch\n{PLAIN}````\n",
        f"<patch>\n{PLAIN}</patch>",
        f"I think so.\n\n{PLAIN}\nThat is all.",
        PLAIN.replace("a/f.txt", "f.txt").replace("b/f.txt", "f.txt"),
        PLAIN.replace("--- a/f", "diff --git a/f.txt b/f.txt\nindex 123..456 100644\n--- a/f"),
        PLAIN.replace("@@ -8,5 +8,5 @@", "@@ -8,9 +8,2 @@"),
        PLAIN.replace("@@ -8,5 +8,5 @@", "@@ -1,5 +1,5 @@ def something():"),
        PLAIN.replace("@@ -8,5 +8,5 @@", "@@ ... @@"),
        PLAIN.replace("@@ -8,5 +8,5 @@", "@@"),
        PLAIN.replace(" line 11\n line 12\n", ""),
        PLAIN.replace("\n line 8", "\n line 8   "),
        PLAIN.replace(".txt\n", ".txt\t2024-01-01 00:00:00\n"),
    ],
    ids=[
        *(
            "bare",
            "fence",
            "long fence",
            "tag",
            "in prose",
            "no prefixes",
            "git header",
            "wrong counts",
            "wrong offset",
        ),
        *("dots", "no numbers", "no context after", "trailing blanks", "time stamps"),
    ],
)
def test_a_diff_is_found_and_repaired(tree, reply):
    assert result(tree, reply) == NEW


def test_two_hunks_keep_their_order_and_shift(tree):
    two = PLAIN + "@@ -1,1 +1,3 @@\n line 18\n+between\n+more\n line 19\n"
    expected = NEW.replace("line 18\n", "line 18\nbetween\nmore\n")
    assert result(tree, two) == expected


def test_a_missing_final_newline_is_kept_and_added_to(tree):
    edit = "--- a/end.txt\n+++ b/end.txt\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n"
    assert result(tree, edit, "end.txt") == "a\nc\n"


def test_blank_context_lines_may_have_lost_their_space(tree):
    edit = "--- a/blank.py\n+++ b/blank.py\n@@ -1,8 +1,8 @@\n def a():\n     x = 1\n\n-    return x\n+    return 2\n\n\n def b():\n"
    text = result(tree, edit, "blank.py")
    assert text == "def a():\n    x = 1  \n\n    return 2\n\n\ndef b():\n    pass\n"


def test_files_are_made_and_deleted(tree):
    new = "--- /dev/null\n+++ b/new/file.py\n@@ -0,0 +1,9 @@\n+x = 1\n+y = 2\n"
    assert result(tree, new, "new/file.py") == "x = 1\ny = 2\n"
    gone = "--- a/end.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n"
    with commit_index(tree) as index:
        diff = index.apply(repaired(gone, tree))
    assert diff is not None
    assert "deleted file mode" in diff


@pytest.mark.parametrize(
    "reply", ["", "No change is needed.", "```python\nx = 1\n```", "--- a/x\n", "a\n--- b\n+++ c\n"]
)
def test_prose_is_no_diff(tree, reply):
    assert find_diffs(reply) == []


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../outside.txt", ".git/config", "a/../../b", ".git/hooks/post-checkout"]
)
def test_a_diff_cannot_leave_the_repository(tree, path):
    hostile = f"--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n"
    with commit_index(tree) as index:
        assert index.apply(hostile) is None
        assert index.apply(repaired(hostile, tree), repaired=True) is None


def test_the_mirror_is_left_as_it_was(tree):
    before = sorted(p for p in tree.git_dir.rglob("*") if p.is_file())
    assert result(tree, PLAIN) == NEW
    assert sorted(p for p in tree.git_dir.rglob("*") if p.is_file()) == before
