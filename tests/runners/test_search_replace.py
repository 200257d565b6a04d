import pytest

from contexttune.runners.search_replace import EditDoesNotApply, apply_blocks

FILES = {"a.py": "x = 1\ny = 1\n", "b/c.py": "z\n"}


def block(path: str, old: str, new: str) -> str:
    return f"{path}\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n"


def test_blocks_apply_in_order_and_to_several_files():
    reply = (
        "Sure.\n\n"
        + block("a.py", "x = 1\n", "x = 2\n")
        + block("a.py", "x = 2\n", "x = 3\n")
        + block("b/c.py", "z\n", "")
    )
    assert apply_blocks(reply, FILES.get) == {"a.py": "x = 3\ny = 1\n", "b/c.py": ""}


def test_an_empty_search_makes_a_file():
    assert apply_blocks(block("new.py", "", "n = 1\n"), FILES.get) == {"new.py": "n = 1\n"}


@pytest.mark.parametrize(
    ("path", "old", "words"),
    [
        ("a.py", "= 1\n", "2 times"),
        ("a.py", "absent\n", "0 times"),
        ("no.py", "x\n", "no such file"),
        ("a.py", "", "file exists"),
        ("../a.py", "", "not a path inside"),
        ("/etc/cron.d/x", "", "not a path inside"),
        (".git/config", "", "not a path inside"),
    ],
)
def test_a_block_that_does_not_apply_says_why(path, old, words):
    with pytest.raises(EditDoesNotApply, match=words):
        apply_blocks(block(path, old, "q\n"), FILES.get)


def test_a_reply_without_blocks_changes_nothing():
    assert apply_blocks("I would not change anything.", FILES.get) == {}
