"""Patches that text handling would break: CRLF, binary files, no newline at the end, bytes that are not UTF-8."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from contexttune.repos.git import git, network, try_git
from tests.agents.fixtures import both_runners, every_runner, in_bubblewrap, in_docker, publish
from tests.agents.scripted import APPTAINER, SUBMIT, Agent, calls
from tests.gitrepos import commit, workspace
from tests.models.fault_server import serving

pytestmark = pytest.mark.slow

IMAGE = "contexttune-test-odd-bytes:1"
ODD = "odd__bytes-1"
FILES: dict[str, str | bytes] = {
    "crlf.txt": b"one\r\ntwo\r\nthree\r\n",
    "image.bin": bytes(range(256)) * 4,
    "cut.txt": b"first\nlast without a newline",
    "latin.txt": "caf\u00e9\n".encode("latin-1") * 3,
    "plain.txt": "plain\n",
}
CHANGE = (
    "sed -i 's/two/TWO/' crlf.txt; printf 'added\\r\\n' >> crlf.txt; printf '\\0\\377new' >> image.bin; "
    "printf ' but longer' >> cut.txt; printf 'also cut' > new.txt; printf '\\0\\1\\2' > new.bin; git add -N ."
)
DIFF = "git diff --binary > patch.txt; tail -c 40 patch.txt | od -c | tail -3"


@pytest.fixture(scope="session")
def odd_repo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(a folder of repositories, the commit of the one with odd bytes)."""
    folder = tmp_path_factory.mktemp("remotes")
    return folder, commit(folder / "bytes", FILES)


@pytest.fixture(scope="session")
def odd_context(odd_repo: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an image of that commit is built from."""
    folder, sha = odd_repo
    context = tmp_path_factory.mktemp("image")
    workspace(tmp_path_factory.mktemp("cache"), folder).agent_checkout("odd/bytes", sha, context / "testbed")
    (context / "Dockerfile").write_text(
        "FROM contexttune-demo-base:1\nCOPY testbed /testbed\nWORKDIR /testbed\n"
    )
    return context


@pytest.fixture
def odd_agent(
    any_agent: Agent, request: pytest.FixtureRequest, tmp_path: Path, odd_repo: tuple[Path, str]
) -> Agent:
    """The agent on a dataset of one row, the repository with odd bytes."""
    made = any_agent
    if made.engine == APPTAINER:
        base = next(iter(request.getfixturevalue("image_layers").values()))[0]
        layer, context = str(tmp_path / "layer.tar"), request.getfixturevalue("odd_context")
        subprocess.run(["tar", "--create", "--file", layer, "testbed"], cwd=context, check=True)
        publish(made, IMAGE, [base, layer])
    elif made.engine:  # the second time it is there already
        command = [made.engine, "build", "--quiet", "--tag", IMAGE, request.getfixturevalue("odd_context")]
        subprocess.run(command, check=True, capture_output=True)
    folder, sha = odd_repo
    columns = "version FAIL_TO_PASS PASS_TO_PASS eval_script log_parser eval_type patch test_patch"
    row = dict.fromkeys(columns.split(), "") | {"instance_id": ODD, "repo": "odd/bytes", "base_commit": sha}
    made.dataset, made.remote = tmp_path / "rows.jsonl", f"file://{folder}/{{name}}"
    made.dataset.write_text(json.dumps(row | {"problem_statement": "odd", "image": IMAGE}) + "\n")
    return made


def submits(agent: Agent, *commands: str) -> dict[str, Any]:
    with serving(*(calls(command) for command in (*commands, SUBMIT))) as server:
        records = agent.infer(server.url, ODD)
    assert len(server.requests) == len(commands) + 1
    return records[ODD]


def applied(agent: Agent, odd_repo: tuple[Path, str], root: Path) -> Path:
    """A checkout of the base commit with the prediction applied by git, as whoever evaluates it would."""
    folder, sha = odd_repo
    git("clone", "--quiet", folder / "bytes", root, env=network())
    git("checkout", "--quiet", sha, cwd=root)
    patch = agent.predictions()[ODD].encode()
    done = try_git("apply", "--whitespace=nowarn", "-", cwd=root, stdin=patch)
    assert done.returncode == 0, done.stderr
    return root


@every_runner()
def test_odd_bytes_survive_in_a_form_that_git_apply_takes(odd_agent, odd_repo, tmp_path):
    attempt = submits(odd_agent, CHANGE, DIFF)
    assert attempt["status"] == "submitted", attempt["error"]
    tree = applied(odd_agent, odd_repo, tmp_path / "applied")
    assert (tree / "crlf.txt").read_bytes() == b"one\r\nTWO\r\nthree\r\nadded\r\n"
    assert (tree / "image.bin").read_bytes() == bytes(range(256)) * 4 + b"\0\xffnew"
    assert (tree / "cut.txt").read_bytes() == b"first\nlast without a newline but longer"
    assert (tree / "new.txt").read_bytes() == b"also cut"
    assert (tree / "new.bin").read_bytes() == b"\0\1\2"
    assert not (tree / "patch.txt").exists()


@both_runners()
def test_a_recovered_patch_is_as_exact(odd_agent, odd_repo, tmp_path):
    with serving(calls(CHANGE)) as server:
        attempt = odd_agent.infer(server.url, ODD, step_limit=1, submit_recovered=True)[ODD]
    assert (attempt["status"], attempt["recovered_submitted"]) == ("limit", True)
    tree = applied(odd_agent, odd_repo, tmp_path / "applied")
    assert (tree / "crlf.txt").read_bytes() == b"one\r\nTWO\r\nthree\r\nadded\r\n"
    assert (tree / "image.bin").read_bytes().endswith(b"\0\xffnew")


@both_runners()
def test_a_patch_that_no_prediction_can_hold_is_an_agent_error_that_says_so(odd_agent):
    attempt = submits(odd_agent, "printf 'na\\357ve\\n' >> latin.txt", "git diff -- latin.txt > patch.txt")
    assert attempt["status"] == "agent_error"
    assert "not UTF-8" in attempt["error"]
    assert odd_agent.predictions() == {ODD: ""}
    assert odd_agent.trajectory(ODD)["info"]["exit_status"] == "Submitted"


@in_docker()  # the other runner takes the tree's difference, whatever is printed
def test_a_binary_file_named_without_its_content_is_said_to_be(odd_agent):
    attempt = submits(odd_agent, f"{CHANGE}; git diff > patch.txt")
    assert attempt["status"] == "agent_error"
    assert "binary file without its content" in attempt["error"]
    assert "Binary files" in odd_agent.predictions()[ODD]  # the harness decides on what the agent printed


@in_bubblewrap()
def test_mini_extra_inspect_opens_the_trajectories(odd_agent, monkeypatch, tmp_path):
    submits(odd_agent, "printf '\\377\\376 [bold] not utf-8'; echo; ls", f"{CHANGE}; {DIFF}")
    monkeypatch.setenv("MSWEA_GLOBAL_CONFIG_DIR", str(tmp_path / "mini"))
    monkeypatch.setenv("MSWEA_SILENT_STARTUP", "1")
    shown = inspected(sorted(tmp_path.rglob("*.traj.json")))
    assert "System" in shown[0].title()
    assert any("ls" in page for page in shown)
    assert any("COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT" in page for page in shown)


def inspected(files: list[Path]) -> list[str]:
    """The pages that mini-swe-agent's own viewer shows, without a terminal."""
    import asyncio

    from minisweagent.run.utilities.inspector import TrajectoryInspector
    from textual.widgets import Static

    async def look() -> list[str]:
        viewer = TrajectoryInspector(files)
        pages = []
        async with viewer.run_test() as pilot:
            for _ in range(viewer.n_steps):
                await pilot.pause()
                pages.append("\n".join(str(part.render()) for part in viewer.query(Static)))
                await pilot.press("l")
        return pages

    return asyncio.run(look())
