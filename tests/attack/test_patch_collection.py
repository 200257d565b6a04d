"""Trees that a hostile agent leaves: nothing of them runs on the host, and nothing of the host gets into the patch."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from contexttune.errors import ArtifactError
from contexttune.repos.git import git, network, try_git
from contexttune.sandbox import patch_collection

pytestmark = pytest.mark.bwrap


def applied(testbed, tmp_path: Path, patch: str) -> Path:
    """A checkout of the base commit with the patch."""
    folder = tmp_path / "applied"
    git("clone", "--quiet", testbed.tree.git_dir.resolve(), folder, env=network())
    git("apply", "--whitespace=nowarn", "-", cwd=folder, stdin=patch.encode("utf-8", "surrogateescape"))
    return folder


def test_every_kind_of_change_is_in_the_patch(testbed, tmp_path):
    testbed.shell.run(
        "echo 'x = 2' > a.py; rm README.md; mkdir new; printf '\\0\\1\\377' > new/binary; ln -s /etc/shadow new/link; "
        "echo run > new/run.sh; chmod +x new/run.sh; printf 'a' > $'new/tab\\tnl\\nname'; mkfifo new/pipe; "
        "mkdir -p new/__pycache__; echo x > new/__pycache__/x.pyc; echo p > patch.txt; mkdir empty; touch new/empty",
        20,
    )
    patch = testbed.diff()
    assert patch.problem is None
    folder = applied(testbed, tmp_path, patch.text)
    assert (folder / "a.py").read_text() == "x = 2\n"
    assert not (folder / "README.md").exists()
    assert (folder / "new" / "binary").read_bytes() == b"\0\1\377"
    assert str((folder / "new" / "link").readlink()) == "/etc/shadow"
    assert os.access(folder / "new" / "run.sh", os.X_OK)
    assert sorted(path.name for path in (folder / "new").iterdir()) == [
        *("binary", "empty", "link", "run.sh", "tab\tnl\nname")
    ]
    assert not (folder / "patch.txt").exists()


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf pkg; ln -s {home} pkg",
        "rm -rf pkg; ln -s / pkg; ln -s {home}/.ssh/id keys",
        "rm -rf .git; ln -s {home} .git",
        "rm -rf .git; printf 'gitdir: {home}/.git\\n' > .git",
        "mkdir -p sub/.git; ln -s {home}/.ssh sub/.git/objects; ln -s {home} sub/home",
        "ln {home}/.ssh/id hard",
        "printf '[core]\\n worktree={home}\\n' >> .git/config",
        "echo {home}/objects > .git/objects/info/alternates; git config core.excludesFile {home}/.ssh/id",
        "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; mkdir sub; echo 'gitdir: {home}' > sub/.git",
    ],
)
def test_no_file_of_the_host_is_in_the_patch(testbed, tmp_path, command):
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id").write_text("a private key\n")
    testbed.shell.run(command.format(home=home) + "; echo 'x = 2' > a.py", 20)
    patch = testbed.diff()
    assert "a private key" not in patch.text
    assert "+x = 2" in patch.text


PROGRAMS = """
for key in core.fsmonitor core.sshCommand core.pager core.editor diff.external diff.x.textconv core.alternateRefsCommand \\
    diff.x.command filter.x.clean filter.x.smudge filter.x.process gpg.program credential.helper merge.x.driver; do
  git config $key 'touch {flag}; cat #'; git config --file .gitmodules $key 'touch {flag}; cat #'; done
git config core.hooksPath "$PWD/hooks"; mkdir -p hooks
for hook in post-index-change pre-commit reference-transaction post-checkout fsmonitor-watchman; do
  printf '#!/bin/sh\\ntouch {flag}\\n' > hooks/$hook; chmod +x hooks/$hook; done
printf '* filter=x diff=x merge=x\\n' > .gitattributes
git init -q nested; (cd nested; echo a > a; git config core.fsmonitor 'touch {flag}'; git config filter.x.clean 'touch {flag}; cat')
cp -r .git bare.git
printf '#!/bin/sh\\ntouch {flag}\\n' > git; chmod +x git; cp git find; cp git xargs; cp git sh
echo 'x = 2' > a.py
"""


def test_no_program_that_the_tree_names_runs(testbed):
    folder = testbed.shell.sandbox.folder
    for flag in ("/tmp/flag", str(folder / "flag")):
        testbed.shell.run(PROGRAMS.format(flag=flag), 30)
    (folder / "tmp" / "flag").unlink(missing_ok=True)
    patch = testbed.diff()
    assert not (folder / "flag").exists()
    assert not (folder / "tmp" / "flag").exists()
    assert not (folder / "collector").exists()
    assert "+x = 2" in patch.text
    assert "nested/a" in patch.text


def test_settings_of_a_shared_mirror_run_nothing(testbed, tmp_path):
    """Others may write to a cache that is shared."""
    mirror, flag = testbed.tree.git_dir, tmp_path / "flag"
    config = mirror / "config"
    before = config.read_text()
    program = f"touch {flag}; cat #"
    try:
        for key in (
            "core.fsmonitor",
            "filter.x.clean",
            "diff.x.textconv",
            "diff.external",
            "core.sshCommand",
        ):
            git("config", "--file", config, key, program)
        git("config", "--file", config, "core.attributesFile", str(tmp_path / "attributes"))
        (tmp_path / "attributes").write_text("* filter=x diff=x\n")
        testbed.shell.run("echo 'x = 2' > a.py", 20)
        assert "+x = 2" in testbed.diff().text
    finally:
        config.write_text(before)
    assert not flag.exists()


@pytest.mark.parametrize(
    "attribute", ["working-tree-encoding=UTF-16", "working-tree-encoding=nothing", "text eol=crlf"]
)
def test_a_file_that_git_cannot_convert_costs_no_other_file(testbed, attribute):
    testbed.shell.run(
        f"echo '*.py {attribute}' > .gitattributes; printf 'x = 2' > a.py; echo hello > new.txt; rm README.md",
        20,
    )
    patch = testbed.diff()
    assert "+hello" in patch.text
    assert "deleted file" in patch.text
    assert ".gitattributes" in patch.text
    assert ("a.py" in patch.text) or (patch.problem and "a.py" in patch.problem)


def test_unreadable_and_huge_files_are_left_out_and_named(testbed):
    testbed.shell.run(
        "echo 'x = 2' > a.py; truncate -s 15G huge; echo s > closed; chmod 0 closed; mkdir d; echo t > d/e; chmod 0 d",
        20,
    )
    patch = testbed.diff()
    assert "+x = 2" in patch.text
    assert "d/e" in patch.text
    assert "huge" not in patch.text
    assert "huge" in (patch.problem or "")


def test_a_tree_that_takes_too_long_is_a_measurement(testbed, monkeypatch):
    monkeypatch.setattr(patch_collection, "_TIMEOUT_S", 0.3)
    testbed.shell.run("for d in $(seq 100); do mkdir -p $d; (cd $d; touch $(seq 200)); done", 60)
    slow = testbed.diff()
    assert slow.text == ""
    assert "too long" in (slow.problem or "")


def test_a_patch_that_is_too_large_is_a_measurement(testbed, monkeypatch):
    monkeypatch.setattr(patch_collection, "_PATCH_BYTES", 1000)
    testbed.shell.run("head -c 100000 /dev/urandom > noise", 20)
    large = testbed.diff()
    assert large.text == ""
    assert "too much" in (large.problem or "")


def test_a_missing_commit_is_no_measurement(testbed):
    with pytest.raises(ArtifactError):
        replace(testbed, tree=replace(testbed.tree, commit="1" * 40)).diff()


def test_objects_may_lie_in_another_repository(testbed, tmp_path):
    borrower = tmp_path / "with : colon" / "borrower.git"
    git("clone", "--quiet", "--bare", "--shared", testbed.tree.git_dir.resolve(), borrower, env=network())
    testbed.shell.run("echo 'x = 2' > a.py", 20)
    patch = replace(testbed, tree=replace(testbed.tree, git_dir=borrower)).diff()
    assert "+x = 2" in patch.text
    assert patch.problem is None
    assert try_git("--git-dir", borrower, "fsck", "--connectivity-only").returncode == 0


@pytest.mark.parametrize(
    "name", ["bwrap: no", "fatal: No space left on device", "a\nfatal: No space left on device\nb"]
)
def test_no_name_of_a_file_makes_an_outage(testbed, name):
    """An outage is tried again: a model must not be able to ask for one."""
    (testbed.shell.sandbox.testbed / name).write_bytes(b"")
    os.truncate(testbed.shell.sandbox.testbed / name, 300_000_000)
    testbed.shell.run("echo 'x = 2' > a.py", 20)
    patch = testbed.diff()
    assert "+x = 2" in patch.text
    assert "too large" in (patch.problem or "")
