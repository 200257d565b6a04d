"""What somebody else's commands have made goes, whatever it is."""

import os
import shutil
from pathlib import Path

import pytest

from contexttune.system.remove_tree import remove_tree

DEPTH = 3000


def nest(folder: Path, name: str, depth: int) -> None:
    """Directories in each other, beyond any path that the kernel takes."""
    folder.mkdir()
    held = os.open(folder, os.O_RDONLY)
    for _ in range(depth):
        os.mkdir(name, dir_fd=held)
        inner = os.open(name, os.O_RDONLY, dir_fd=held)
        os.close(held)
        held = inner
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=held))
    os.close(held)


@pytest.mark.parametrize("name", ["d", "a longer name"])
def test_directories_go_at_any_depth(tmp_path, name):
    nest(tmp_path / "deep", name, DEPTH)
    assert remove_tree(tmp_path / "deep")
    assert list(tmp_path.iterdir()) == []


def test_of_a_link_only_the_link_goes(tmp_path):
    outside = tmp_path / "outside"
    (outside / "below").mkdir(parents=True)
    for name in ("link", "tree/link"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).symlink_to(outside)
    assert remove_tree(tmp_path / "link")
    assert remove_tree(tmp_path / "tree")
    assert [path.name for path in tmp_path.rglob("*")] == ["outside", "below"]


def test_what_is_not_there_is_gone_and_what_stays_is_said(tmp_path, monkeypatch):
    assert remove_tree(tmp_path / "none")
    (tmp_path / "kept" / "other").mkdir(parents=True)
    (tmp_path / "kept" / "file").touch()
    unlink = os.unlink

    def refuse(path: str, **keys: int) -> None:
        if path == "file":
            raise PermissionError(path)
        unlink(path, **keys)

    monkeypatch.setattr(os, "unlink", refuse)
    assert not remove_tree(tmp_path / "kept")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["file"]
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "kept")
