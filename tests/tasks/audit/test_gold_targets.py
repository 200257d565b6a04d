"""GoldTargets of patches over a file whose definitions are known by line."""

import difflib
from dataclasses import replace

import pytest

from contexttune.errors import ArtifactError
from contexttune.instances.patch import parse
from contexttune.tasks.audit.gold_targets import definitions, find_gold
from contexttune.types import GoldInstance

OLD = '''\
import os

LIMIT = 3


def first(x):
    y = x
    def inner():
        return y
    return inner()


@decorated
class Thing:
    """Doc."""

    kind = 1

    @property
    def size(self):
        return 1

    async def load(self):
        return 2


if os:
    def last():
        pass
'''


def instance(new: str, old: str = OLD, path: str = "lib/a.py", test_patch: str = "") -> GoldInstance:
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), f"a/{path}", f"b/{path}", n=3)
    return GoldInstance(
        **{"instance_id": "o__r-1", "repo": "o/r", "base_commit": "0" * 40, "problem_statement": ""},
        patch="".join(lines),
        test_patch=test_patch,
        row={},
    )


def symbols(new: str, old: str = OLD) -> list[str]:
    return list(find_gold(instance(new, old), {"lib/a.py": old}.get).symbols.get("lib/a.py", []))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("    y = x\n", "    y = x + 1\n", ["first"]),
        ("        return y\n", "        return -y\n", ["first"]),  # inside a local function
        ("@decorated\n", "@other\n", ["Thing"]),
        ("    kind = 1\n", "    kind = 2\n", ["Thing"]),
        ("        return 1\n", "        return 9\n", ["Thing.size"]),
        ("    @property\n", "", ["Thing.size"]),
        ("        return 2\n", "        return 2\n\n    def more(self):\n        return 3\n", ["Thing"]),
        ("        return 2\n", "        x = 1\n        return 2\n", ["Thing.load"]),
        ("        return 1\n", "        return 1\n        # and no more\n", ["Thing.size"]),
        ("        return 2\n\n", "        return 2\n\n\ndef new():\n    pass\n\n", []),
        ("        pass\n", "        raise\n", ["last"]),
        ("LIMIT = 3\n", "LIMIT = 4\n", []),
        ("import os\n\nLIMIT = 3\n", "import os\nLIMIT = 3\n", []),  # a blank line
        ("        return 1\n\n    async", "        return 1\n\n    x = 2\n\n    async", ["Thing"]),
    ],
)
def test_a_gold_symbol_is_the_innermost_definition_that_changes(before, after, expected):
    assert OLD.count(before) == 1
    assert symbols(OLD.replace(before, after)) == expected


def test_old_python_is_read_by_its_indentation():
    old = OLD.replace("    y = x\n", "    print 'y'\n    y = x\n")
    assert {d.name for d in definitions(old)} == {d.name for d in definitions(OLD)}
    assert symbols(old.replace("return 1", "return 9"), old) == ["Thing.size"]
    assert symbols(old.replace("        return y\n", "        return -y\n"), old) == ["first"]


def test_only_files_that_exist_are_gold_and_what_is_created_is_told_apart():
    patch = "--- /dev/null\n+++ b/lib/new.py\n@@ -0,0 +1 @@\n+x = 1\n"
    made = instance(OLD.replace("LIMIT = 3", "LIMIT = 4"), test_patch=patch)
    gold = find_gold(made, {"lib/a.py": OLD}.get)
    assert (gold.files, gold.new_paths, gold.n_symbols) == (["lib/a.py"], ["lib/new.py"], 0)
    assert find_gold(made, {}.get).files == []


def test_a_patch_without_line_counts_renames_and_quoted_names():
    patch = 'junk\n--- "a/caf\\303\\251.txt"\n+++ "b/caf\\303\\251.txt"\n@@ -2 +2 @@ def f\n-old\n+new\n\\ No newline at end of file\n'
    (change,) = parse(patch)
    assert (change.old, change.new) == ("café.txt", "café.txt")
    assert [(e.removed, e.after, e.added) for e in change.edits] == [((2,), 2, ("new",))]
    added = parse("--- a/x\n+++ b/x\n@@ -3,0 +4,2 @@\n+one\n+two\n")[0].edits
    assert [(e.removed, e.after, e.added) for e in added] == [((), 3, ("one", "two"))]


def test_a_file_that_a_patch_only_renames_is_gold_and_one_that_it_creates_empty_is_new():
    renamed = (
        "diff --git a/lib/a.py b/lib/b.py\nsimilarity index 100%\nrename from lib/a.py\nrename to lib/b.py\n"
    )
    created = "diff --git a/lib/c.py b/lib/c.py\nnew file mode 100644\nindex 0000000..e69de29\n"
    made = replace(instance(OLD, test_patch=created), patch=renamed)
    gold = find_gold(made, {"lib/a.py": OLD}.get)
    assert (gold.files, gold.new_paths) == (["lib/a.py"], ["lib/b.py", "lib/c.py"])


def test_a_patch_with_the_line_ends_of_windows_names_the_same_files():
    changed = instance(OLD.replace("LIMIT = 3", "LIMIT = 4"))
    windows = replace(changed, patch=changed.patch.replace("\n", "\r\n"))
    assert find_gold(windows, {"lib/a.py": OLD}.get) == find_gold(changed, {"lib/a.py": OLD}.get)
    made = "diff --git a/n.py b/n.py\nnew file mode 100644\n--- /dev/null\n+++ b/n.py\n@@ -0,0 +1 @@\n+x\n"
    (change,) = parse(made.replace("\n", "\r\n"))
    assert (change.old, change.new) == (None, "n.py")


def test_a_hunk_that_is_not_as_long_as_it_says_is_an_error():
    with pytest.raises(ArtifactError, match="the patch cannot be read"):
        parse("--- a/x\n+++ b/x\n@@ -1,3 +1 @@\n-a\n+b\n+c\n")


RUST = """\
struct Thing { size: u8 }

impl Thing {
    fn size(&self) -> u8 {
        fn local() -> u8 {
            1
        }
        local()
    }

    fn other(&self) {}
}
"""


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("            1\n", "            2\n", ["Thing.size"]),  # inside a local function
        ("size: u8", "size: u16", ["Thing"]),
        ("    fn other(&self) {}\n", "", ["Thing.other"]),
        ("        local()\n", "        let x = 1;\n        local()\n", ["Thing.size"]),
        ("    fn other(&self) {}\n", "    fn other(&self) {}\n\n    fn new() {}\n", []),
    ],
)
def test_gold_symbols_of_other_languages_are_those_of_their_definitions(before, after, expected):
    assert RUST.count(before) == 1
    made = instance(RUST.replace(before, after), RUST, "src/a.rs")
    assert list(find_gold(made, {"src/a.rs": RUST}.get).symbols.get("src/a.rs", [])) == expected


@pytest.mark.parametrize("old", ["x" * 2_000 + "\n", "fn a() {}\0\n", "// a line\n" * 200_000])
def test_a_file_whose_definitions_cannot_be_told_has_no_gold_symbols(old):
    made = instance(old.replace("\n", "y\n", 1), old, "src/a.rs")
    gold = find_gold(made, {"src/a.rs": old}.get)
    assert (gold.files, gold.symbols) == (["src/a.rs"], {})
