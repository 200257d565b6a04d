from contexttune.runners.uptake import mentions_of, uptake_of

FILES = {"pkg/core.py", "pkg/sub/deep.py", "tests/test_core.py", "README.md", "setup.cfg"}
PATCH = "diff --git a/pkg/sub/deep.py b/pkg/sub/deep.py\n--- a/pkg/sub/deep.py\n+++ b/pkg/sub/deep.py\n@@ -1 +1 @@\n-a\n+b\n"


def turn(*commands):
    return {"role": "assistant", "content": "", "extra": {"actions": [{"command": c} for c in commands]}}


def conversation(*turns):
    return mentions_of([{"role": "system"}, {"role": "user"}, *turns, {"role": "exit", "content": ""}])


def test_first_touches_count_steps_and_only_files_of_the_commit():
    mentions = conversation(
        turn("ls -la", "find . -name '*.py'"),
        turn("cat /testbed/pkg/core.py | head; cat /etc/passwd"),
        {"role": "assistant", "content": "no action at all"},
        turn("cd /testbed/pkg/sub && sed -n '1,5p' deep.py", "cat > scratch.py <<'E'\nx\nE"),
        turn("python -m pytest ./tests/test_core.py::test_one; cat pkg/core.py"),
    )
    block = "Look at `pkg/core.py`, then at setup.cfg. Not at pkg/gone.py."
    assert uptake_of(mentions, block, PATCH, FILES) == {
        "n_files_named": 2,
        "n_files_touched": 3,
        "touched_named_share": 1 / 3,
        "first_touch": {"pkg/core.py": 2},
        "first_touch_of_patch": 3,
    }


def test_files_in_braces_are_named_and_touched_as_a_shell_reads_them():
    block = "Other files:\n{README.md,setup.cfg}\npkg/{core,gone}.py\npkg/sub/: deep.py"
    found = uptake_of(conversation(turn("ls"), turn("wc -l pkg/{core,sub/deep}.py")), block, PATCH, FILES)
    assert found == {
        "n_files_named": 4,
        "n_files_touched": 2,
        "touched_named_share": 1.0,
        "first_touch": {"pkg/core.py": 2, "pkg/sub/deep.py": 2},
        "first_touch_of_patch": 2,
    }
    endless = "cat " + "{a,b}" * 60
    assert uptake_of(conversation(turn(endless)), "", "", FILES)["n_files_touched"] == 0


def test_an_arm_without_a_block_is_measured_as_well():
    found = uptake_of(conversation(turn("cat README.md")), "", "", FILES)
    assert found == {
        "n_files_named": 0,
        "n_files_touched": 1,
        "touched_named_share": 0.0,
        "first_touch": {},
        "first_touch_of_patch": None,
    }


def test_what_is_not_known_is_not_made_up():
    assert uptake_of(None, "pkg/core.py", PATCH, FILES) is None
    assert uptake_of([], "pkg/core.py", PATCH, FILES)["touched_named_share"] is None


def test_odd_commands_are_no_trouble():
    odd = ["", "cd", "cd ''; cat core.py", "\0\ud800", "x" * 300_000, "(cd pkg; cat core.py)"]
    assert uptake_of(conversation(turn(*odd)), "", "", FILES)["n_files_touched"] == 1
