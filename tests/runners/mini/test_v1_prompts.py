"""Where v1's prompts come from. The release here is made up; tests/runners/mini/test_v1_parity.py has the real one."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
import yaml

from contexttune.errors import PreflightError
from contexttune.runners.mini import v1_prompts as module
from contexttune.runners.mini.v1_prompts import v1_prompts
from tests.agents.scripted import ROTA, fenced
from tests.models.fault_server import ok, serving

LOOP = "from nowhere import at_all\n\n\n@dataclass\nclass AgentConfig:\n"
LOOP += "    system_template: str = 'unused'\n    timeout_template: str = (\n        'time '\n        'is over'\n    )\n"
LOOP += "    action_regex: str = r'```bash\\s*\\n(.*?)\\n```'\n    step_limit: int = 0\n"
AGENT = {
    "system_template": "You act.",
    "instance_template": "Do this: {{ task }}",
    "action_observation_template": "{{ output.output }}",
    "format_error_template": "{{ actions | length }} commands",
}
COMPLETE = AGENT | {"action_regex": r"```bash\s*\n(.*?)\n```", "timeout_template": "time is over"}


def yaml_of(agent: dict) -> str:
    return yaml.safe_dump({"agent": agent, "environment": {"env": {"PAGER": "cat"}}})


def unpacked(folder: Path) -> Path:
    for name, text in (("config/extra/swebench.yaml", yaml_of(AGENT)), ("agents/default.py", LOOP)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / "config" / "extra" / "swebench.yaml"


def wheel(folder: Path) -> Path:
    """A package of that name and version, as pip takes it."""
    folder.mkdir(exist_ok=True)
    path, info = folder / "mini_swe_agent-1.17.5-py3-none-any.whl", "mini_swe_agent-1.17.5.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("minisweagent/config/extra/swebench.yaml", yaml_of(AGENT))
        archive.writestr("minisweagent/agents/default.py", LOOP)
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: mini-swe-agent\nVersion: 1.17.5\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def offline(tmp_path, monkeypatch) -> Path:
    """pip sees this directory and no registry."""
    links = tmp_path / "links"
    links.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    v1_prompts.cache_clear()
    return links


@pytest.fixture
def genuine(monkeypatch) -> None:
    """The made-up release has the digests that are asked for."""
    files = {"config/extra/swebench.yaml": yaml_of(AGENT), "agents/default.py": LOOP}
    digests = {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}
    monkeypatch.setattr(module, "_SHA256", digests)


def test_what_pip_fetched_is_kept_and_mended(tmp_path, offline, genuine):
    kept = tmp_path / "cache" / "prompts" / "r"
    made = wheel(offline)
    first = v1_prompts(kept, None)
    assert first.agent["system_template"] == "You act."
    assert first.agent["timeout_template"] == "time is over"
    assert first.variables == {"PAGER": "cat"}
    made.unlink()
    v1_prompts.cache_clear()
    assert v1_prompts(kept, None) == first, "from what was kept"
    (kept / "agents" / "default.py").write_text("damaged")
    v1_prompts.cache_clear()
    with pytest.raises(PreflightError):
        v1_prompts(kept, None)
    wheel(offline)
    assert v1_prompts(kept, None) == first


def test_an_impostor_is_not_kept(tmp_path, offline):
    wheel(offline)
    with pytest.raises(PreflightError, match=r"its files differ"):
        v1_prompts(tmp_path / "kept", None)
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("give", [wheel, unpacked])
def test_a_file_of_the_users_own_is_taken_with_a_warning(tmp_path, offline, caplog, give):
    found = v1_prompts(tmp_path / "kept", str(give(tmp_path / "own")))
    assert found.agent["timeout_template"] == "time is over"
    assert "mini-swe-agent==1.17.5" in caplog.text
    assert found.sha256 == hashlib.sha256(yaml_of(AGENT).encode()).hexdigest()


def test_the_genuine_file_is_taken_without_a_word(tmp_path, offline, genuine, caplog):
    v1_prompts(tmp_path / "kept", str(unpacked(tmp_path / "own")))
    assert caplog.text == ""


@pytest.mark.parametrize("text", ["", "a: [", "[1]", "agent: {}", yaml_of(AGENT), "\0", None])
def test_a_file_that_is_not_complete_is_refused_with_a_remedy(tmp_path, text):
    path = tmp_path / "own.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(PreflightError, match=r"set runner\.v1_prompts to the wheel"):
        v1_prompts(tmp_path / "kept", str(path))


@pytest.mark.parametrize("dry_run", ["true", pytest.param("false", marks=pytest.mark.bwrap)])
def test_a_run_without_prompts_ends_before_it_begins(tmp_path, offline, agent, dry_run):
    with serving(ok()) as server:
        done = agent.run(server.url, "runner.protocol=v1", f"dry_run={dry_run}")
    assert done.returncode == 3
    assert "set runner.v1_prompts to the wheel of mini-swe-agent==1.17.5" in done.stdout + done.stderr
    assert server.requests == []


@pytest.mark.bwrap
def test_a_checkout_is_worked_on_with_prompts_from_a_file(tmp_path, offline, agent):
    own = tmp_path / "own.yaml"
    own.write_text(yaml_of(COMPLETE))
    answers = [ok("nothing"), ok("no"), ok("never"), ok("still not"), fenced("echo new > new.txt", "bash")]
    answers.append(fenced("echo MINI_SWE_AGENT_FINAL_OUTPUT", "bash"))
    settings = ("runner.protocol=v1", f"runner.v1_prompts={own}")
    with serving(*answers) as server:
        rehearsed = agent.run(server.url, *settings, "dry_run=true")
        assert (rehearsed.returncode, server.requests) == (0, [])
        done = agent.run(server.url, *settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"runner.v1_prompts={own}: config/extra/swebench.yaml" in done.stdout + done.stderr
    last = server.requests[-1]["messages"]
    assert [m["role"] for m in last] == ["system", "user", *["assistant", "user"] * 5]
    assert [m["content"] for m in last[2:6]] == ["nothing", "0 commands", "no", "0 commands"]
    record = agent.attempt(ROTA)
    assert record["details"]["v1_prompts_sha256"] == hashlib.sha256(own.read_bytes()).hexdigest()
    assert (record["status"], record["n_calls"], record["n_steps"]) == ("submitted", 6, 2)
    assert "new.txt" in json.dumps(agent.predictions())
