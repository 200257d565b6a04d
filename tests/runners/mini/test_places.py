"""A place is gone when it is left, whatever was done in it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from contexttune.runners.mini.places import sweep_checkouts
from contexttune.store import fingerprint
from tests.models.fault_server import serving
from tests.runners.mini.agents import ROTA, calls

NOBODY = 65534


@pytest.fixture
def open_folder(warm: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
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
        sweep_checkouts("label")
        os._exit(scratch.exists())
    assert os.waitpid(child, 0)[1] == 0
    assert outside.stat().st_mode & 0o777 == 0o755


@pytest.mark.bwrap
@pytest.mark.slow
def test_nothing_is_left_of_a_command_that_writes_until_it_is_killed(agent, open_folder):
    writing = "for i in 1 2 3 4; do (while :; do echo x > f$RANDOM; done) & done; wait"
    with serving(calls(writing), calls(writing)) as server:
        attempt = agent.infer(server.url, command_timeout_s=1, step_limit=2)[ROTA]
    assert (attempt["status"], attempt["exit_status"]) == ("limit", "LimitsExceeded")
    assert list(open_folder.iterdir()) == []
