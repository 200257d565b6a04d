"""A place is gone when it is left, whatever was done in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contexttune.bubblewrap import find_bwrap
from contexttune.config import SliceConfig
from contexttune.paths import Layout
from contexttune.runners.mini.places import checkout_place
from contexttune.runners.mini.scratch import sweep
from contexttune.slices import load
from contexttune.store import fingerprint
from contexttune.workspace import Workspace
from tests.runners.mini.agents import DEMO, ROTA

NOBODY = 65534


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory that other users may write to."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o777)
        monkeypatch.setattr(tempfile, "tempdir", made)
        yield Path(made)


def test_directories_that_an_agent_has_closed_go_too_and_links_are_not_followed(open_folder):
    outside = open_folder / "outside"
    child = os.fork()
    if child == 0:  # root would not be stopped by a mode
        if os.getuid() == 0:
            os.setuid(NOBODY)
        scratch = open_folder / f"contexttune-{fingerprint('label')}-x"
        closed = scratch / "testbed" / "closed" / "below"
        closed.mkdir(parents=True)
        (closed / "file").touch()
        outside.mkdir(0o755)
        (closed.parent / "link").symlink_to(outside)
        closed.chmod(0)
        closed.parent.chmod(0)
        sweep("label")
        os._exit(scratch.exists())
    assert os.waitpid(child, 0)[1] == 0
    assert outside.stat().st_mode & 0o777 == 0o755


@pytest.mark.bwrap
@pytest.mark.slow
def test_nothing_is_left_of_a_command_that_writes_when_it_is_killed(tmp_path, open_folder):
    """Its processes die a moment after it: the directory must go nevertheless."""
    (instance,) = load(SliceConfig(name="demo", dataset=str(DEMO), instance_ids=[ROTA]))
    layout = Layout(cache=tmp_path / "c", artifacts=tmp_path / "a", results=tmp_path / "r")
    workspace = Workspace(layout=layout, remote=f"{DEMO}/repos/{{owner}}__{{name}}.bundle")
    writing = "for i in 1 2 3 4; do (while :; do echo x > f$RANDOM; done) & done; wait"
    for _ in range(5):
        with checkout_place(workspace, instance.public(), "label", find_bwrap(), {}) as place:
            assert place.shell.run(writing, timeout_s=1).timed_out
        assert list(open_folder.iterdir()) == []
