import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.git import git
from tests.gitrepos import commit, workspace

REPO = "owner/lib"


@pytest.fixture
def remotes(tmp_path):
    return tmp_path / "remotes"


@pytest.fixture
def lib(remotes):
    return remotes / "lib"


def test_a_mirror_is_cloned_once_and_fetched_only_for_a_commit_it_lacks(tmp_path, remotes, lib):
    first = commit(lib, {"a.py": "1"})
    space = workspace(tmp_path, remotes)
    mirror = space.mirror(REPO, first)
    before = (mirror / "config").stat().st_ino
    (lib / ".git").rename(lib / ".git-away")  # a commit that is there needs no remote
    assert space.mirror(REPO, first) == mirror
    (lib / ".git-away").rename(lib / ".git")
    second = commit(lib, {"a.py": "2"})
    assert space.tree(REPO, second).text("a.py") == "2"
    assert (mirror / "config").stat().st_ino == before


def test_a_commit_that_no_branch_holds_any_more_is_fetched_by_its_id(tmp_path, remotes, lib):
    first = commit(lib, {"a.py": "1"})
    space = workspace(tmp_path, remotes)
    space.mirror(REPO, first)
    lost = commit(lib, {"a.py": "2"})
    git("reset", "--quiet", "--hard", first, cwd=lib)
    git("config", "uploadpack.allowAnySHA1InWant", "true", cwd=lib)
    assert space.tree(REPO, lost).text("a.py") == "2"


def test_what_is_not_at_the_remote_is_one_sentence(tmp_path, remotes, lib):
    commit(lib, {"a.py": "1"})
    with pytest.raises(ArtifactError, match="has no commit 0000"):
        workspace(tmp_path, remotes).mirror(REPO, "0" * 40)
    with pytest.raises(ArtifactError, match=r"workspace\.remote"):
        workspace(tmp_path, remotes).mirror("owner/absent", "0" * 40)


def _ask(arguments):
    tmp_path, remotes, sha = arguments
    return workspace(tmp_path, remotes).tree(REPO, sha).text("a.py")


def test_eight_processes_on_a_cold_cache_make_one_clone(tmp_path, remotes, lib):
    shas = [commit(lib, {"a.py": str(n)}) for n in range(8)]
    with multiprocessing.get_context("spawn").Pool(8) as pool:
        texts = pool.map(_ask, [(tmp_path, remotes, sha) for sha in shas])
    assert texts == [str(n) for n in range(8)]
    assert [p.name for p in (tmp_path / "cache" / "mirrors").iterdir() if p.is_dir()] == ["owner__lib.git"]


def test_a_clone_that_was_killed_is_never_used(tmp_path, remotes, lib):
    sha = commit(lib, {f"f{n}.bin": os.urandom(200_000) for n in range(100)})
    script = (
        "import sys; from pathlib import Path; from tests.gitrepos import workspace\n"
        f"workspace(Path({str(tmp_path)!r}), Path({str(remotes)!r})).mirror({REPO!r}, {sha!r})"
    )
    mirrors = tmp_path / "cache" / "mirrors"
    child = subprocess.Popen([sys.executable, "-c", script], start_new_session=True)
    while child.poll() is None and not list(mirrors.glob(".owner__lib.git.*/objects")):
        time.sleep(0.001)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    assert list(mirrors.glob(".owner__lib.git.*")), "the clone was over before it was killed"
    space = workspace(tmp_path, remotes)
    assert len(space.tree(REPO, sha).entries) == 100
    git("--git-dir", space.mirror(REPO, sha), "fsck", "--full")
    assert not list(mirrors.glob(".owner__lib.git.*"))


def test_an_agent_checkout_knows_one_commit_and_no_remote(tmp_path, remotes, lib):
    commit(lib, {"a.py": "old"}, "the past")
    base = commit(lib, {"a.py": "base"}, "the base")
    commit(lib, {"a.py": "fixed"}, "the future")
    git("tag", "v9", cwd=lib)
    checkout = tmp_path / "checkout"
    workspace(tmp_path, remotes).agent_checkout(REPO, base, checkout)
    assert (checkout / "a.py").read_text() == "base"
    assert git("log", "--all", "--format=%H %s", cwd=checkout).decode().splitlines() == [f"{base} the base"]
    assert git("rev-parse", "HEAD", cwd=checkout).decode().strip() == base
    assert git("status", "--porcelain", cwd=checkout) == b""
    assert git("remote", cwd=checkout) == b""
    assert git("tag", cwd=checkout) == b""
    kinds = (
        git("cat-file", "--batch-all-objects", "--batch-check=%(objecttype)", cwd=checkout).decode().split()
    )
    assert sorted(kinds) == ["blob", "commit", "tree"]
    named = [
        p for p in (checkout / ".git").rglob("*") if p.is_file() and str(tmp_path).encode() in p.read_bytes()
    ]
    assert named == []


def test_the_users_git_configuration_changes_nothing(tmp_path, remotes, lib, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n[init]\n\tdefaultBranch = other\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(home / "objects"))
    sha = commit(lib, {"a.py": "1\n2\n"})
    checkout = tmp_path / "checkout"
    workspace(tmp_path, remotes).agent_checkout(REPO, sha, checkout)
    assert (checkout / "a.py").read_bytes() == b"1\n2\n"


def test_a_damaged_mirror_is_an_error_and_leaves_a_repository_around_it_alone(tmp_path, remotes, lib):
    own = commit(tmp_path, {".gitignore": "*"})
    sha = commit(lib, {"a.py": "1"})
    (tmp_path / "cache/mirrors/owner__lib.git").mkdir(parents=True)
    with pytest.raises(ArtifactError, match="not a git repository"):
        workspace(tmp_path, remotes).mirror(REPO, sha)
    assert git("rev-parse", "main", cwd=tmp_path).decode().strip() == own


def test_without_git_a_clone_is_an_error_of_one_sentence(tmp_path):
    script = (
        "from pathlib import Path; from tests.gitrepos import workspace\n"
        f"workspace(Path({str(tmp_path)!r}), Path('/nowhere')).mirror({REPO!r}, '0' * 40)"
    )
    env = {**os.environ, "PATH": "/nonexistent"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False
    )
    assert "ArtifactError: owner/lib: git is not on PATH: install git" in done.stderr
