"""The key and the user's home: out of a command's reach, and in no record. Each is tried by a model's commands."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.agents.fixtures import every_engine, every_runner
from tests.agents.outages import FINE
from tests.agents.scripted import calls
from tests.models.fault_server import error, serving

pytestmark = pytest.mark.slow

KEY = "sk-a-key-that-nothing-may-see"
DIVIDED = f'{KEY[:9]}""{KEY[9:]}'  # so that a search does not find itself
MULTIRUN = ("model.api_key_env=OPENAI_API_KEY", "-m")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    made.mkdir()
    (made / "key.txt").write_text(KEY)
    return made


def holding(root: Path) -> list[str]:
    """Files that hold the key, of all that a run has written: records, trajectories, logs, Hydra's own."""
    found = [path for path in root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    return [str(path.relative_to(root)) for path in found]


@every_runner()
def test_no_command_reaches_the_key_and_no_record_holds_it(any_agent, tmp_path, home):
    commands = (
        "env; cat /proc/*/environ | tr '\\0' '\\n'; cat /proc/*/cmdline | tr '\\0' ' '",
        f"cat {home}/key.txt; ls -a {home}",
        f"grep -rl {DIVIDED} / --exclude-dir=proc --exclude-dir=usr --exclude-dir=sys 2>/dev/null",
        f"ls {tmp_path}; find / -xdev \\( -name preds.jsonl -o -name .hydra -o -name docker.sock \\) 2>/dev/null",
    )
    with serving(*(calls(command) for command in commands), *FINE) as server:
        done = any_agent.run(server.url, *MULTIRUN, OPENAI_API_KEY=KEY, HOME=str(home))
    assert done.returncode == 0, done.stdout + done.stderr
    assert any_agent.attempt()["status"] == "submitted"
    seen = any_agent.observations()
    assert "PATH=" in seen[0]  # it was a listing, and not an error
    assert "CONTEXTTUNE_TEST_MARK" not in seen[0]
    assert KEY not in "".join(seen)
    assert [line.endswith("No such file or directory") for line in seen[1].splitlines()] == [True, True]
    assert seen[2] == ""
    assert [line.endswith("No such file or directory") for line in seen[3].splitlines()] == [True]
    assert holding(tmp_path) == ["home/key.txt"]
    assert KEY not in done.stdout + done.stderr
    for place in (
        "multirun/**/*.log",
        "results/**/run.json",
        "artifacts/**/attempt.json",
        "artifacts/**/*.traj.json",
    ):
        assert list(tmp_path.glob(place)), place  # all of it was searched


@pytest.mark.bwrap
def test_the_real_home_is_not_there_either(agent):
    listed = f"ls -a ~ /root /home; cat {Path.home()}/.bashrc"
    with serving(calls(listed), *FINE) as server:
        agent.infer(server.url)
    assert ".bashrc: No such file" in agent.observations()[0]


def quotes_the_key(handler: BaseHTTPRequestHandler) -> None:
    error(401, f"Incorrect API key provided: {handler.headers['Authorization']}")(handler)


@pytest.mark.bwrap
@pytest.mark.parametrize(
    ("user", "refuses", "error_says"),
    [
        ("", quotes_the_key, "Incorrect API key provided: Bearer ***'"),
        (f"user:{KEY}@", error(401), "http://user:***@127.0.0.1:"),
    ],
)
def test_neither_a_key_that_is_quoted_nor_a_password_in_a_url_gets_into_a_record(
    agent, user, refuses, error_says
):
    with serving(calls("true"), refuses) as server:
        url = server.url.replace("://", f"://{user}")
        done = agent.run(url, *MULTIRUN, OPENAI_API_KEY=f"{KEY}-2")
    assert done.returncode == 4, done.stdout + done.stderr
    assert error_says in agent.attempt()["error"]
    assert len(server.requests) == 2
    assert holding(agent.root) == []
    assert KEY not in done.stdout + done.stderr


@every_engine()
def test_no_command_is_told_the_proxy_of_the_engines_client_or_of_this_machine(any_agent, tmp_path):
    proxy, client = f"http://me:{KEY}@proxy:1", tmp_path / "client"
    client.mkdir()
    (client / "config.json").write_text(json.dumps({"proxies": {"default": {"httpsProxy": proxy}}}))
    environment = {"DOCKER_CONFIG": str(client), "HTTP_PROXY": proxy, "http_proxy": proxy}
    with serving(calls("env; cat /proc/1/environ"), *FINE) as server:
        done = any_agent.run(server.url, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (seen, *_) = any_agent.observations()
    assert "PATH=" in seen
    assert KEY not in seen
    assert holding(tmp_path) == ["client/config.json"]
