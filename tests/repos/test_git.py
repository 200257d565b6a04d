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


def test_blobs_larger_than_a_pipe_are_read_whole_and_reading_may_stop_early(tmp_path):
    sha = commit(tmp_path / "r", {f"{n}.txt": "x" * n * 1_000_000 for n in range(4)})
    tree = Tree(tmp_path / "r" / ".git", "o/r", sha)
    blobs = [entry.blob for entry in tree.entries]
    assert [len(content) for _, content in tree.read(blobs)] == [0, 1_000_000, 2_000_000, 3_000_000]
    assert next(iter(tree.read(blobs))) == (blobs[0], b"")
    assert list(tree.read([])) == []


def test_what_is_shared_is_made_once_for_each_tree(tmp_path):
    sha = commit(tmp_path / "r", {"a": ""})
    tree, other = (Tree(tmp_path / "r" / ".git", "o/r", sha) for _ in range(2))
    assert tree.shared(list_of) is tree.shared(list_of)
    assert tree.shared(list_of) is not other.shared(list_of)


def list_of(tree: Tree) -> list[Tree]:
    return [tree]
