"""Remotes that are not what a run needs: one sentence, from the doctor's check as from the run's."""

from __future__ import annotations

import os

import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.git import git, network
from contexttune.repos.workspace import Workspace
from tests.gitrepos import commit, layout

ANOTHER_UID = 12345


@pytest.fixture
def lib(tmp_path):
    """(the remote's directory, its second commit)."""
    commit(tmp_path / "lib", {"a.py": "x = 1\n"})
    return tmp_path / "lib", commit(tmp_path / "lib", {"a.py": "x = 2\n"})


def refused(tmp_path, remote, sha) -> list[str]:
    """The messages of the doctor's check and of the run's."""
    space = Workspace(layout=layout(tmp_path), remote=str(remote))
    said = []
    for check in (lambda: space.require_remote("o/lib", 20), lambda: space.mirror("o/lib", sha)):
        with pytest.raises(ArtifactError) as caught:
            check()
        assert "\n" not in str(caught.value)
        said.append(str(caught.value))
    return said


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_shallow_clone_is_refused(tmp_path, lib, form):
    git("clone", "--quiet", "--depth=1", f"file://{lib[0]}", tmp_path / "shallow", env=network())
    for said in refused(tmp_path, form.format(tmp_path / "shallow"), lib[1]):
        assert "--unshallow" in said


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a repository away")
def test_another_users_repository_is_refused_in_gits_own_words(tmp_path, lib):
    for path in (lib[0], *lib[0].rglob("*")):
        os.chown(path, ANOTHER_UID, ANOTHER_UID)
    for said in refused(tmp_path, lib[0], lib[1]):
        assert "dubious ownership" in said


@pytest.mark.parametrize("kind", ["file", "empty directory", "absent"])
def test_what_is_no_repository_is_refused(tmp_path, lib, kind):
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("no bundle")
    elif kind == "empty directory":
        place.mkdir()
    for said in refused(tmp_path, place, lib[1]):
        assert "workspace.remote" in said


def test_an_empty_repository_has_no_commit(tmp_path, lib):
    git("init", "--quiet", tmp_path / "empty")
    space = Workspace(layout=layout(tmp_path), remote=str(tmp_path / "empty"))
    with pytest.raises(ArtifactError, match="has no commit"):
        space.mirror("o/lib", lib[1])
