"""Keys and passwords: masked where they are recorded, refused where they are written out, and in no file of a run."""

import base64
import functools
import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contexttune.errors import ConfigError
from contexttune.paths import PACKAGE
from contexttune.repos.git import git, network
from contexttune.system.redaction import masked, require_no_secrets, without_passwords
from tests.agents.scripted import BWRAP, DOCKER, EDIT, SUBMIT, calls
from tests.command_line import contexttune
from tests.models.fault_server import error, ok, serving

KEY, PASSWORD, TOKEN = "sk-recognisable-0123456789", "pass-recognisable-987", "ghp-recognisable-555"
DEMO = "slice=demo", "slice.limit=1", "harness=none"
GATEWAY = "model.base_url=${oc.env:GATEWAY}"


def holding(root: Path, *secrets: str) -> list[str]:
    """Files below `root` that hold one of the secrets, and of what kind all were."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return [str(p) for p in files if any(secret.encode() in p.read_bytes() for secret in secrets)]


def edits(handler):
    """Of an agent that edits a file and submits; a runner that asks once takes it for no change."""
    has_edited = any(message["role"] == "assistant" for message in handler.body["messages"])
    calls(SUBMIT if has_edited else EDIT)(handler)


# What is written differs by runner and by launcher, and not by condition. A second arm and what is made again need
# no more than one runner with each launcher.
SWEEPS = [
    ("single_shot", "submitit_local", "no_context,baseline_context", True),
    ("gold", "basic", "no_context", False),
    ("empty", "basic", "no_context", False),
    pytest.param(BWRAP, "basic", "no_context", True, marks=pytest.mark.bwrap),
    pytest.param(DOCKER, "basic", "no_context", False, marks=pytest.mark.docker),
]


@pytest.mark.slow
@pytest.mark.parametrize(("runner", "launcher", "conditions", "is_reproduced"), SWEEPS)
def test_no_file_of_a_sweep_holds_a_secret(runner, launcher, conditions, is_reproduced, tmp_path, request):
    if runner == DOCKER:
        request.getfixturevalue("demo_images")
    arguments = (f"runner={runner}", *DEMO, "model.name=m", GATEWAY, "group_id=g", "workers=1")
    with serving(ok("listed"), error(500, f"not for {KEY}"), edits) as server:
        env = {
            "GATEWAY": server.url.replace("://", f"://user:{PASSWORD}@"),
            "OPENAI_API_KEY": KEY,
            "HF_TOKEN": TOKEN,
            "OPENAI_BASE_URL": f"http://other:{PASSWORD}@127.0.0.1:9/v1",
        }
        sweep = ("-m", *arguments, f"condition={conditions}", f"hydra/launcher={launcher}")
        commands = [contexttune(*sweep, cwd=tmp_path, **env)]
        assert commands[0].returncode == 0, commands[0].stdout + commands[0].stderr
        (run,) = tmp_path.glob("results/g/runs/no_context-*/run.json")
        if is_reproduced:
            commands.append(
                contexttune(f"reproduce={run.parent}", "reproduce_trusted=true", cwd=tmp_path, **env)
            )
            assert commands[1].returncode == 0, commands[1].stdout + commands[1].stderr
    assert holding(tmp_path, KEY, PASSWORD, TOKEN) == []
    for done in commands:
        assert not any(secret in done.stdout + done.stderr for secret in (KEY, PASSWORD, TOKEN))
    kinds = ("multirun/g/**/.hydra/overrides.yaml", "multirun/g/**/multirun.yaml", "multirun/g/**/run.json")
    kinds += ("results/g/group.json", "results/g/summary.json", "artifacts/preds/g/*/*/attempt.json")
    kinds += ("multirun/g/**/.submitit/**/*.pkl",) if launcher == "submitit_local" else ()
    for kind in kinds:  # all of it was searched
        assert list(tmp_path.glob(kind)), kind
    record = json.loads(run.read_bytes())
    uses_model = runner not in ("gold", "empty")
    assert record["manifest"]["config"]["model"]["base_url"] == env["GATEWAY"].replace(PASSWORD, "***")
    assert record["manifest"]["endpoint"] == (env["GATEWAY"].replace(PASSWORD, "***") if uses_model else None)
    assert record["served_models"] == (["served-1"] if uses_model else [])
    assert any("oc.env" in override for override in record["manifest"]["overrides"])
    # a masked password is no changed setting
    assert (tmp_path / "results/g-reproduced").is_dir() == is_reproduced


@pytest.mark.parametrize("many", [(), ("-m",)])
@pytest.mark.parametrize(
    ("typed", "key"),
    [
        (f"model.base_url=http://user:{PASSWORD}@127.0.0.1:9/v1", "model.base_url"),
        (f"+runner.proxy=http://:{PASSWORD}@proxy", "runner.proxy"),
        (f"+hydra.job.env_set.OPENAI_API_KEY={KEY}", "hydra.job.env_set.OPENAI_API_KEY"),
        (f"workspace.remote='https://{TOKEN}@host/{{repo}}'", "workspace.remote"),
        (f"model.api_key_env={KEY}", "model.api_key_env"),
    ],
)
def test_a_secret_that_is_typed_is_refused_before_it_is_in_a_file(tmp_path, typed, key, many):
    done = contexttune(*many, *DEMO, "runner=single_shot", "model.name=m", typed, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {key} ")
    assert PASSWORD not in done.stdout + done.stderr
    assert KEY not in done.stdout + done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_password_in_an_experiment_file_is_refused_too(tmp_path):
    (tmp_path / "conf/experiment").mkdir(parents=True)
    text = f"# @package _global_\nworkspace:\n  remote: https://me:{PASSWORD}@host/{{repo}}.git\n"
    (tmp_path / "conf/experiment/mine.yaml").write_text(text)
    done = contexttune("--config-dir", "conf", *DEMO, "runner=gold", "experiment=mine", cwd=tmp_path)
    assert (done.returncode, done.stderr.startswith("error: workspace.remote ")) == (2, True)
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]


@contextmanager
def repositories(root: Path, seen: list[str]) -> Iterator[str]:
    """The demo's repositories over HTTP, as a URL of git's with a password in it, which is asked for.

    `seen`: the command lines and files that hold it while git waits for its answer.
    """

    class Asking(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            given = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
            if self.headers["Authorization"] != f"Basic {given}":
                self.send_response(401)
                self.send_header("WWW-Authenticate", "Basic realm=x")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            seen.append("asked")
            seen.extend(holding(root.parent, PASSWORD))
            for line in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.extend([str(line)] if PASSWORD.encode() in line.read_bytes() else [])
            super().do_GET()

    for bundle in (PACKAGE / "demo/repos").glob("*.bundle"):
        git("clone", "--quiet", "--bare", bundle, root / f"{bundle.stem}.git", env=network())
        git("--git-dir", root / f"{bundle.stem}.git", "update-server-info")
    handler = functools.partial(Asking, directory=str(root))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://me:{PASSWORD}@127.0.0.1:{server.server_port}/{{owner}}__{{name}}.git"
    finally:
        server.shutdown()
        server.server_close()


def test_a_password_for_repositories_stays_out_of_mirrors_logs_and_errors(tmp_path):
    served, here = tmp_path / "served", tmp_path / "here"
    seen = list[str]()
    here.mkdir()
    keys = ("slice=demo", "slice.limit=1", "runner=gold", "workspace.remote=${oc.env:REMOTE}")
    with repositories(served, seen) as url:
        looked = contexttune("task=doctor", "harness=none", *keys, cwd=here, REMOTE=url)
        assert looked.returncode == 0, looked.stdout + looked.stderr
        assert "0 of 1 are mirrored, 1 can be cloned" in looked.stdout
        done = contexttune(*keys, "stages=[signals]", cwd=here, REMOTE=url)
        assert done.returncode == 0, done.stdout + done.stderr
        (mirror,) = here.glob("cache/mirrors/*.git")
        shutil.rmtree(mirror)
        gone = contexttune(*keys, "stages=[signals]", cwd=here, REMOTE=url.replace("__", "_no_"))
    assert gone.returncode == 3
    assert "http://me:***@127.0.0.1" in done.stdout
    assert "http://me:***@127.0.0.1" in gone.stdout
    assert PASSWORD not in done.stdout + done.stderr + gone.stdout + gone.stderr
    assert holding(here, PASSWORD) == []
    assert set(seen) == {"asked"}  # not in a clone that a kill would leave, nor where other users look


def test_an_endpoint_that_does_not_answer_is_named_without_its_password(tmp_path):
    url = f"http://user:{PASSWORD}@127.0.0.1:9/v1"
    keys = (*DEMO, "condition=no_context", "model.name=m", "model.api_key_env=null")
    done = contexttune(*keys, cwd=tmp_path, OPENAI_BASE_URL=url)
    assert done.returncode == 3
    assert "http://user:***@127.0.0.1:9/v1 does not answer" in done.stdout
    assert PASSWORD not in done.stdout + done.stderr
    assert holding(tmp_path, PASSWORD) == []


def test_masking_replaces_values_of_variables_that_are_named_like_keys(monkeypatch):
    monkeypatch.setenv("MY_API_KEY", KEY)
    monkeypatch.setenv("DB_PASSWORD", KEY + "-and-more")
    monkeypatch.setenv("SOME_TOKEN", "any")
    monkeypatch.setenv("PLACE", "/a/long/value")
    given = {"a": [f"--env={KEY}", f"{KEY}-and-more"], "b": {"c": "any company in /a/long/value"}, "d": 1}
    assert masked(given) == {"a": ["--env=***", "***"], "b": {"c": "any company in /a/long/value"}, "d": 1}


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("http://u:p@h/v1", "http://u:***@h/v1"),
        ("see https://:p:q@h:8/x and ssh://u:p@k", "see https://:***@h:8/x and ssh://u:***@k"),
        ("https://github.com/{repo}.git", "https://github.com/{repo}.git"),
        ("https://ghp_0123456789abcdefghij@github.com/{repo}", "https://***@github.com/{repo}"),
        ("ssh://git@host/{repo}", "ssh://git@host/{repo}"),
        ("http://h:8000/v1?mail=a:b@c", "http://h:8000/v1?mail=a:b@c"),
        ("http://h:8000?mail=a@b", "http://h:8000?mail=a@b"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
    ],
)
def test_a_url_is_recorded_without_its_password(url, recorded):
    assert without_passwords([url]) == [recorded]


def test_names_of_variables_and_interpolations_pass():
    require_no_secrets(
        {"model": {"api_key_env": "MY_KEY", "base_url": "${oc.env:X,http://h/v1}"}, "a": [None, 1, True]}
    )
    require_no_secrets({"model": {"api_key_env": "${oc.env:NAME}"}})
    with pytest.raises(ConfigError, match=r"^x .*password"):
        require_no_secrets({"hydra": {"overrides": {"task": [f"++x=http://h,http://u:{PASSWORD}@h"]}}})
