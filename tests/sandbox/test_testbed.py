"""A place is gone when it is left, whatever was done in it."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from contexttune.config.schema import SliceConfig
from contexttune.instances.slices import load
from contexttune.paths import Layout
from contexttune.repos.git import git
from contexttune.repos.workspace import Workspace
from contexttune.sandbox.bubblewrap import find_bwrap
from contexttune.sandbox.local_sandbox import LocalSandbox
from contexttune.sandbox.scratch import sweep
from contexttune.sandbox.shells import CheckoutShell
from contexttune.sandbox.testbed import CheckoutTestbed, checkout_testbed
from contexttune.system.files import fingerprint
from contexttune.types import Instance
from tests.agents.scripted import DEMO, ROTA
from tests.gitrepos import commit, workspace
from tests.system.test_remove_tree import nest

NOBODY = 65534


@pytest.fixture
def open_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary directory that other users may write to."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        Path(made).chmod(0o777)
        monkeypatch.setattr(tempfile, "tempdir", made)
        yield Path(made)


def run_by_nobody(act: Callable[[], None]) -> None:
    """Run `act` in a child process without root's permissions."""
    # imported before: this user may not be able to read libraries
    import filelock._soft  # noqa: F401
    import git  # noqa: F401

    child = os.fork()
    if child == 0:
        status = 1
        try:
            if os.getuid() == 0:
                os.setuid(NOBODY)
            act()
            status = 0
        except Exception:  # noqa: BLE001 - what pytest would show
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_directories_that_an_agent_has_closed_go_too_and_links_are_not_followed(open_folder):
    outside = open_folder / "outside"

    def act() -> None:
        scratch = open_folder / f"contexttune-{fingerprint('label')}-x"
        closed = scratch / "testbed" / "closed" / "below"
        closed.mkdir(parents=True)
        (closed / "file").touch()
        outside.mkdir(0o755)
        (closed.parent / "link").symlink_to(outside)
        closed.chmod(0)
        closed.parent.chmod(0)
        sweep("label")
        assert not scratch.exists()

    run_by_nobody(act)
    assert outside.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("closed", ["repository", "submodule", "searchable"])
def test_the_patch_is_taken_without_a_word_of_a_submodule_that_cannot_be_emptied(open_folder, closed):
    """git asks a submodule that the commit has for its state, by the programs that the submodule's own settings name."""
    flag = open_folder / "flag"

    def act() -> None:
        source = open_folder / "remotes" / "r"
        first = commit(source, {"a.py": "x = 1\n"})
        git("update-index", "--add", "--cacheinfo", f"160000,{first},helpers", cwd=source)
        by = ("-c", "user.name=a", "-c", "user.email=a@b")
        git(*by, "commit", "--quiet", "--message=with a submodule", cwd=source)
        sha = git("rev-parse", "HEAD", cwd=source).decode().strip()
        made = workspace(open_folder / "cache", source.parent)
        testbed = open_folder / "scratch" / "testbed"
        made.agent_checkout("o/r", sha, testbed)
        helpers = testbed / "helpers"
        helpers.mkdir(exist_ok=True)
        git("init", "--quiet", cwd=helpers)
        (helpers / "tell").write_text(f"#!/bin/sh\ntouch {flag}\n")
        (helpers / "tell").chmod(0o755)
        git("config", "core.fsmonitor", "./tell", cwd=helpers)
        (helpers / ".git" / "HEAD").write_text(f"{first}\n")
        (testbed / "a.py").write_text("x = 2\n")
        for folder in (helpers / ".git", *(helpers / ".git").rglob("*")):
            folder.chmod(0o555)
        if closed != "repository":
            helpers.chmod(0o555 if closed == "submodule" else 0o111)
        shell = CheckoutShell(sandbox=LocalSandbox(folder=testbed.parent, bwrap=None))
        patch = CheckoutTestbed(shell=shell, described={}, tree=made.tree("o/r", sha)).diff().text
        assert "+x = 2" in patch
        assert "Subproject" not in patch

    run_by_nobody(act)
    assert not flag.exists()


def test_directories_too_deep_for_python_cost_no_attempt(open_folder):
    source = open_folder / "remotes" / "r"
    sha = commit(source, {"a.py": "x = 1\n"})
    made = workspace(open_folder / "cache", source.parent)
    instance = Instance(instance_id="r-1", repo="o/r", base_commit=sha, problem_statement="")
    with checkout_testbed(made, instance, "label", find_bwrap()) as place:
        testbed = place.shell.sandbox.testbed
        (testbed / "a.py").write_text("x = 2\n")
        nest(testbed / "deep", "d", 1900)
        assert "+x = 2" in place.diff().text
    assert not testbed.parent.exists()


@pytest.mark.bwrap
@pytest.mark.slow
def test_nothing_is_left_of_a_command_that_writes_when_it_is_killed(tmp_path, open_folder):
    """Its processes die a moment after it: the directory must go nevertheless."""
    (instance,) = load(SliceConfig(name="demo", dataset=str(DEMO), instance_ids=[ROTA]))
    layout = Layout(cache=tmp_path / "c", artifacts=tmp_path / "a", results=tmp_path / "r")
    workspace = Workspace(layout=layout, remote=f"{DEMO}/repos/{{owner}}__{{name}}.bundle")
    writing = "for i in 1 2 3 4; do (while :; do echo x > f$RANDOM; done) & done; wait"
    for _ in range(5):
        with checkout_testbed(workspace, instance.public(), "label", find_bwrap()) as place:
            assert place.shell.run(writing, timeout_s=1).timed_out
        assert list(open_folder.iterdir()) == []
