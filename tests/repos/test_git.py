import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.git import Tree, git
from tests.gitrepos import commit


def test_a_tree_reads_names_and_bytes_as_they_are(tmp_path):
    repo = tmp_path / "r"
    sha = commit(repo, {"ü b.py": "é", "n\nl.txt": b"\xff\x00", "sub/x": ""})
    (repo / "link").symlink_to("sub/x")
    sha = commit(repo, {})
    tree = Tree(repo / ".git", "o/r", sha)
    assert [e.path for e in tree.entries] == ["link", "n\nl.txt", "sub/x", "ü b.py"]
    assert [e.path for e in tree.entries if not e.is_file] == ["link"]
    blobs = [tree.by_path[p].blob for p in ("n\nl.txt", "sub/x")]
    assert [content for _, content in tree.read(blobs)] == [b"\xff\x00", b""]
    assert tree.text("ü b.py") == "é"
    assert tree.text("absent") is None
    assert tree.text("link") is None


def test_a_name_that_is_not_utf8_survives(tmp_path):
    repo = tmp_path / "r"
    commit(repo, {"a": ""})
    with open(bytes(repo) + b"/caf\xe9.py", "wb") as sink:  # noqa: PTH123 - a path of bytes
        sink.write(b"x = 1\n")
    tree = Tree(repo / ".git", "o/r", commit(repo, {}))
    assert tree.text("caf\udce9.py") == "x = 1\n"


def test_a_missing_object_is_an_artifact_error(tmp_path):
    sha = commit(tmp_path / "r", {"a": ""})
    with pytest.raises(ArtifactError, match="is missing"):
        list(Tree(tmp_path / "r" / ".git", "o/r", sha).read(["0" * 40]))


def test_a_failing_command_says_gits_own_words(tmp_path):
    with pytest.raises(ArtifactError, match="not a git repository"):
        git("status", cwd=tmp_path)
