"""What is begun early gives the same as what is waited for, and fails the same."""

from __future__ import annotations

import copy
import pickle

import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.git import Running, git


def test_a_listing_begun_early_is_the_listing(repository):
    commit = repository.commit({"b.py": "", b"caf\xe9.py": "x", "a/c.py": "y"})
    early, late = repository.tree(commit), repository.tree(commit)
    early.start_listing()
    assert early.entries == late.entries
    assert [entry.path for entry in early.entries] == ["a/c.py", "b.py", "caf\udce9.py"]
    early.start_listing()  # once it is known, there is nothing to begin
    assert pickle.loads(pickle.dumps(early)).entries == copy.copy(early).entries == late.entries


def test_a_reading_begun_early_is_what_read_gives(repository):
    tree = repository.tree(repository.commit({f"{n}.py": b"\0\n" * n * 50_000 for n in range(4)}))
    blobs = [entry.blob for entry in tree.entries]
    assert list(tree.start_reading(blobs)) == list(tree.read(blobs))
    assert [len(content) for _, content in tree.read(blobs)] == [n * 100_000 for n in range(4)]
    assert list(tree.start_reading([])) == []


def test_a_command_beside_this_process_fails_with_the_words_of_git(tmp_path):
    with pytest.raises(ArtifactError) as waited:
        git("--git-dir", tmp_path / "none", "cat-file", "-p", "HEAD")
    with pytest.raises(ArtifactError) as begun:
        Running("--git-dir", tmp_path / "none", "cat-file", "-p", "HEAD").output()
    assert str(begun.value) == str(waited.value)
    assert "none" in str(begun.value)
