"""What a model's command cannot reach from runner=mini_swe_agent, tried by one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.agents.scripted import EDIT, ROTA, SUBMIT, Agent, calls, is_living
from tests.models.fault_server import ok, serving

pytestmark = [pytest.mark.bwrap, pytest.mark.slow]

KEY = "sk-a-key-that-nothing-may-see"


def tried(agent: Agent, *commands: str, **env: str) -> list[str]:
    """What each command printed, the last of a submitting agent left out."""
    with serving(*(calls(command) for command in (*commands, EDIT, SUBMIT))) as server:
        if not env:  # only for a variable of its own has the program to be started
            agent.infer(server.url)
        else:
            done = agent.run(server.url, **env)
            assert done.returncode == 0, done.stdout + done.stderr
    assert agent.attempt()["status"] == "submitted"
    return agent.observations()[: len(commands)]


def test_nothing_of_the_machine_is_seen_and_nothing_of_the_system_is_writable(agent, tmp_path):
    mirror = tmp_path / "cache" / "mirrors"
    seen = tried(
        agent,
        "cat /etc/passwd; ls /etc",
        f"ls {mirror} {mirror}/*; ls /var /srv /opt /mnt",
        "touch /usr/planted /etc/planted /bin/planted; mount -o remount,bind,rw /usr; touch /usr/planted",
        "find /proc -maxdepth 4 -path '/proc/[0-9]*' -prune -o -path '/proc/*self' -prune -o -type f -writable -print; "
        "grep CapEff /proc/self/status",
        "ls /dev; test -e /var/run/docker.sock || echo no engine",
    )
    assert seen[0].splitlines()[0].startswith("agent:")
    assert "root:" not in seen[0]
    assert "shadow" not in seen[0]
    assert "No such file" in seen[1]
    assert ".git" not in seen[1].replace("/mirrors", "")
    assert not any(Path(folder, "planted").exists() for folder in ("/usr", "/etc", "/bin"))
    *writable, _, capabilities = seen[3].split()
    assert int(capabilities, 16) == 0
    asks_for_capabilities = ("/proc/mtrr", "/proc/pressure/")
    assert [name for name in writable if not name.startswith(asks_for_capabilities)] == []
    assert "no engine" in seen[4]
    assert "sda" not in seen[4]
    assert "vda" not in seen[4]


def test_there_is_no_network_even_to_this_machine(agent):
    with serving(ok("reached")) as other:
        probe = f"import socket; socket.create_connection(('127.0.0.1', {other.port}), timeout=3); print('reached')"
        (seen,) = tried(agent, f'python -c "{probe}"; ls /sys/class/net')
    assert "reached" not in seen.splitlines()
    assert "ConnectionRefusedError" in seen
    assert other.requests == []


def test_the_future_of_the_repository_is_not_there(agent):
    seen = tried(
        agent,
        "git log --all --oneline; git reflog; git stash list",
        "git cat-file --batch-all-objects --batch-check | grep commit; git remote -v; git config --list --local",
        "git rev-list --all --count; git fsck --lost-found; cat .git/packed-refs .git/FETCH_HEAD",
    )
    assert len(seen[0].splitlines()) == 1
    assert len([line for line in seen[1].splitlines() if "commit" in line]) == 1
    assert "remote" not in seen[1]
    assert seen[2].splitlines()[0] == "1"
    assert "dangling" not in seen[2]
    head = agent.attempt()
    assert head["details"]["sandbox"] == "bwrap"


def test_an_agent_can_work_there(agent):
    seen = tried(
        agent,
        "echo kept > /tmp/note; echo kept > ~/note; echo changed > new.txt; export GONE=1",
        "cat /tmp/note ~/note new.txt; echo [$GONE]; pwd; whoami; git status --short",
        "python -m unittest 2>&1 | tail -3; python --version",
        "sleep 300.25 & setsid sleep 300.25 & echo started",
        "ps aux | grep -c '[s]leep 300.25'",
        "exit 7",
    )
    assert seen[1].split() == ["kept", "kept", "changed", "[]", "/testbed", "agent", "??", "new.txt"]
    assert "Ran " in seen[2]
    assert seen[4].strip() == "0"  # what a command leaves behind ends with it
    assert not is_living("sleep 300.25")
    assert "new.txt" in agent.predictions()[ROTA]
    told = [m["content"] for m in agent.trajectory()["messages"] if m["role"] == "tool"]
    assert told[5].startswith("<returncode>7</returncode>")


PLANTED = """
plant() {{
  for key in core.fsmonitor core.sshCommand core.pager core.editor diff.external diff.x.textconv \\
      filter.x.clean filter.x.smudge filter.x.process; do git config $key 'touch {flag}; cat #'; done
  git config core.hooksPath "$PWD"
  for hook in post-index-change pre-commit; do printf '#!/bin/sh\\ntouch {flag}\\n' > $hook; chmod +x $hook; done
}}
git init -q nested; (cd nested; echo a > a; git add a; git -c user.name=a -c user.email=a@a commit -qm a; plant)
git init -q empty; mkfifo pipe; ln -s /etc/shadow link; echo a new line >> README.md
printf '* filter=x diff=x\\n' > .gitattributes; plant
"""


@pytest.mark.parametrize("sandbox", ["bwrap", "none"])
def test_a_hostile_repository_runs_nothing_when_the_patch_is_taken(agent, tmp_path, sandbox):
    flag = tmp_path / "flag"
    last = f"rm -f {flag}; echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"  # its own git ran them, where it lives
    with serving(calls(PLANTED.format(flag=flag)), calls(last)) as server:
        agent.infer(server.url, sandbox=sandbox)
    patch = agent.predictions()[ROTA]
    assert not flag.exists()
    assert "a new line" in patch
    assert "nested/a" in patch  # an agent's own repositories are files like others
    assert "Subproject" not in patch


def test_bytecode_and_the_patch_file_are_no_part_of_the_patch_and_no_directory_is_left(agent, tmp_path):
    scratch = tmp_path / ("a path that is too long for a socket in it, as that of a cluster may be" * 2)
    scratch.mkdir()
    command = "mkdir -p pkg/__pycache__ d/e; chmod 0 d; echo x > pkg/__pycache__/m.pyc; echo y > pkg/m.py"
    tried(agent, command, TMPDIR=str(scratch))
    assert list(scratch.iterdir()) == []
    patch = agent.predictions()[ROTA]
    assert "pkg/m.py" in patch
    assert "__pycache__" not in patch
    assert "patch.txt" not in patch


def test_without_a_sandbox_only_when_asked_and_on_record(agent, tmp_path):
    agent.overrides = ("runner.sandbox=none",)
    (seen,) = tried(agent, f"test -d {tmp_path} && echo on the machine itself; env", OPENAI_API_KEY=KEY)
    assert "on the machine itself" in seen
    assert KEY not in seen
    assert agent.attempt()["details"]["sandbox"] == "none"
    (run,) = tmp_path.glob("results/g/runs/*/run.json")
    assert '"sandbox": "none"' in run.read_text()


def test_no_bubblewrap_is_a_sentence_with_the_remedy(agent, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("git", "sh", "bash"):
        (tools / name).symlink_to(shutil.which(name) or "")
    with serving(calls(SUBMIT)) as server:
        done = agent.run(server.url, PATH=str(tools))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "runner.sandbox=none" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert server.requests == []
