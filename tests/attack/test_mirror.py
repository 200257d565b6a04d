"""Settings and hooks that others have written into the mirror of a shared cache."""

from __future__ import annotations

import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.commit_index import commit_index
from contexttune.repos.git import git
from tests.gitrepos import commit, workspace

NAMES = (
    *(
        "core.fsmonitor",
        "core.sshCommand",
        "core.pager",
        "core.askPass",
        "core.alternateRefsCommand",
        "core.editor",
    ),
    *(
        "diff.external",
        "diff.x.textconv",
        "diff.x.command",
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
    ),
    *("credential.helper", "gpg.program", "core.gitProxy", "sequence.editor", "alias.log", "pager.log"),
)
HOOKS = ("reference-transaction", "post-checkout", "post-index-change", "pre-auto-gc", "fsmonitor-watchman")


@pytest.fixture
def planted(tmp_path):
    """A workspace whose mirror names a program wherever it can, its newest commit not fetched yet; and the flag."""
    lib, flag = tmp_path / "remotes" / "lib", tmp_path / "flag"
    sha = commit(lib, {"a.py": "x = 1\n", ".gitattributes": "* filter=x diff=x\n"})
    space = workspace(tmp_path, tmp_path / "remotes")
    mirror = space.mirror("owner/lib", sha)
    program = f"touch {flag}; cat #"
    for name in NAMES:
        git("config", "--file", mirror / "config", name, program)
    git("config", "--file", mirror / "config", "log.showSignature", "true")
    git("config", "--file", mirror / "config", "gc.auto", "1")
    git("config", "--file", mirror / "config", "protocol.ext.allow", "always")
    for folder in ("hooks", "own-hooks"):
        (mirror / folder).mkdir(exist_ok=True)
        for name in HOOKS:
            (mirror / folder / name).write_text(f"#!/bin/sh\ntouch {flag}\n")
            (mirror / folder / name).chmod(0o755)
    git("config", "--file", mirror / "config", "core.hooksPath", str(mirror / "own-hooks"))
    return space, lib, sha, mirror, flag


def test_no_program_runs_when_a_mirror_is_read_fetched_and_checked_out(planted, tmp_path):
    space, lib, sha, _, flag = planted
    tree = space.tree("owner/lib", sha)
    assert tree.text("a.py") == "x = 1\n"
    git("--git-dir", tree.git_dir, "log", "--format=%H", "--numstat", "-p", sha)
    with commit_index(tree) as index:
        assert "+x = 2" in index.write({"a.py": "x = 2\n"})
    space.agent_checkout("owner/lib", sha, tmp_path / "checkout")
    newer = commit(lib, {"b.py": "y = 1\n"})
    assert space.tree("owner/lib", newer).text("b.py") == "y = 1\n"
    assert not flag.exists()


def test_a_missing_object_is_fetched_by_no_program(planted, tmp_path):
    space, lib, sha, mirror, flag = planted
    config = mirror / "config"
    git("config", "--file", config, "core.repositoryFormatVersion", "1")
    git("config", "--file", config, "extensions.partialClone", "evil")
    git("config", "--file", config, "remote.evil.promisor", "true")
    git("config", "--file", config, "remote.evil.url", str(lib))
    git("config", "--file", config, "remote.evil.uploadpack", f"touch {flag}; git-upload-pack")
    blob = space.tree("owner/lib", sha).by_path["a.py"].blob
    packs = [path.read_bytes() for path in mirror.glob("objects/pack/*.pack")]
    for path in mirror.glob("objects/pack/*"):
        path.unlink()
    for pack in packs:
        git("--git-dir", mirror, "unpack-objects", "-q", stdin=pack)
    (mirror / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(ArtifactError):
        space.agent_checkout("owner/lib", sha, tmp_path / "checkout")
    with pytest.raises(ArtifactError):
        space.tree("owner/lib", sha).text("a.py")
    with pytest.raises(ArtifactError, match=r"remote\.evil\.uploadpack"):
        space.mirror("owner/lib", commit(lib, {"c.py": "z = 1\n"}))
    assert not flag.exists()
