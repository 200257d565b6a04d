"""A server of the job's own: its start, what can go wrong with it, its end. The server is a real process."""

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from contexttune.config.build import build, result_settings
from contexttune.errors import ConfigError, InfraError, PreflightError
from contexttune.experiment.cell import cell_of
from contexttune.launch import hydra_setup
from contexttune.models.openai_compatible import OpenAICompatible
from contexttune.models.server import CommandServer, LlamaCpp, NoServer, Server
from contexttune.models.wire import completion_of
from contexttune.paths import config_dir
from contexttune.types import Message
from tests.models.families import STAND_IN, alive, comes_true, gone, pids

MESSAGES = [Message(role="user", content="fix it")]
QUICK: list[str | int | float] = ["--load_s", 0]


@pytest.fixture
def server(tmp_path):
    """A maker of servers with further arguments."""

    def make(*options: str | int | float, **keys) -> CommandServer:
        defaults = {"startup_timeout_s": 60.0, "run_dir": tmp_path} | keys
        return CommandServer(command=[*STAND_IN], options=[*QUICK, *options], **defaults)

    return make


def model(server, **keys) -> OpenAICompatible:
    return OpenAICompatible(seed=0, name="m", server=server, timeout_s=10.0, **keys)


def test_a_model_is_served_from_entering_to_leaving(server, tmp_path):
    served = model(server("--family", tmp_path / "family"))
    served.preflight()
    with served:
        family = pids(tmp_path / "family")
        answer = completion_of(served.chat(MESSAGES))
        assert all(map(alive, family))
    assert (answer.served_model, answer.finish_reason) == ("m", "stop")
    assert gone(family, 0)
    facts = served.served()
    assert facts.pop("loading_s") > 0
    assert facts == {"models": ["m"], "version": "0.0.stand-in"}
    assert "loading m" in (tmp_path / "server.log").read_text()


def test_a_server_without_health_is_ready_when_it_lists_its_models(server):
    with model(server("--no_health")) as served:
        assert completion_of(served.chat(MESSAGES)).text == "There is nothing to change."
    assert served.served()["version"] is None


def test_it_is_waited_for_while_it_loads(server):
    with model(server("--load_s", 1.5)) as served:
        assert served.served()["loading_s"] >= 1.5


def test_another_process_reaches_it_and_needs_no_key(server, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with model(server()) as served, pickle.loads(pickle.dumps(served.endpoint())) as copy:
        copy.preflight()
        assert completion_of(copy.chat(MESSAGES)).text
    with model(server()) as served:  # leaving the copy did not end the server, and a port is not kept
        assert completion_of(served.chat(MESSAGES)).text


def test_one_that_dies_at_its_start_ends_the_job_with_its_last_words(server, tmp_path):
    broken = model(server("--crash", "CUDA out of memory", "--family", tmp_path / "family"))
    with pytest.raises(PreflightError, match="exited with status 1 while it loaded") as caught, broken:
        pass
    assert str(tmp_path / "server.log") in str(caught.value)
    assert str(caught.value).endswith("CUDA out of memory")
    assert gone(pids(tmp_path / "family"), 0)
    assert broken.served() is None


def test_the_log_of_an_earlier_start_is_kept_and_not_quoted(server, tmp_path):
    for words in ("first words", "second words"):
        with pytest.raises(PreflightError) as caught, model(server("--crash", words)):
            pass
    assert "first words" not in str(caught.value)
    assert "first words" in (tmp_path / "server.log").read_text()


def test_one_that_is_not_ready_in_time_ends_the_job(server, tmp_path):
    never = model(server("--never_ready", "--family", tmp_path / "family", startup_timeout_s=3.0))
    with pytest.raises(PreflightError, match=r"model\.server\.startup_timeout_s=3") as caught, never:
        pass
    assert "loading m" in str(caught.value)
    assert gone(pids(tmp_path / "family"), 0)


def test_another_port_is_tried_once_when_the_first_was_taken(server, tmp_path):
    with model(server("--thief", tmp_path / "robbed")) as served:
        assert completion_of(served.chat(MESSAGES)).text
    assert "Address already in use" in (tmp_path / "server.log").read_text()


def test_a_server_that_finds_no_port_twice_ends_the_job(server):
    with (
        pytest.raises(PreflightError, match="two ports in a row"),
        model(server("--crash", "couldn't bind to server socket")),
    ):
        pass


def test_one_that_dies_later_is_an_outage_that_says_where_its_log_is(server, tmp_path):
    with model(server("--dies_at", 2), attempts=1) as served:
        completion_of(served.chat(MESSAGES))
        copy = served.endpoint()
        with pytest.raises(InfraError):
            completion_of(served.chat(MESSAGES))
        for asking in (served, copy):
            with pytest.raises(InfraError, match="the model server of this job has exited") as caught:
                completion_of(asking.chat(MESSAGES))
            assert str(tmp_path / "server.log") in str(caught.value)


def test_who_ignores_signals_is_killed(tmp_path):
    impatient = (
        "import os, sys; from contexttune.system import guardian; guardian.GRACE_S = 0.5; "
        "guardian.main(os.getppid(), sys.argv[1:])"
    )
    command = [part.replace("{port}", "0") for part in STAND_IN]
    family = tmp_path / "family"
    guardian = subprocess.Popen(
        [sys.executable, "-c", impatient, *command, "--load_s", "0", "--stubborn", "--family", str(family)],
        stderr=subprocess.DEVNULL,
    )
    members = pids(family)
    guardian.terminate()
    guardian.wait(30)
    assert gone(members, 0)


def test_a_signal_that_announces_the_end_of_a_job_does_not_end_its_server(server, tmp_path):
    with model(server("--family", tmp_path / "family")) as served:
        number, *_ = family = pids(tmp_path / "family")
        guardian = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        for pid in (guardian, *family):
            os.kill(pid, signal.SIGUSR2)
        assert completion_of(served.chat(MESSAGES)).text


def test_when_the_guardian_itself_is_killed_the_server_dies_and_leaving_ends_its_group(server, tmp_path):
    with model(server("--family", tmp_path / "family")):
        number, child, daemon = pids(tmp_path / "family")
        guardian = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        os.kill(guardian, signal.SIGKILL)
        assert gone([number], 10)
        assert alive(child)
    assert gone([child], 10)
    os.kill(daemon, signal.SIGKILL)  # out of reach, with a session of its own


NODE = {"_target_": "contexttune.models.openai_compatible.OpenAICompatible", "name": "m"}
NONE = {"_target_": "contexttune.models.server.NoServer"}
OURS = {"_target_": "contexttune.models.server.CommandServer", "command": ["serve", "{port}"]}


def test_no_server_is_as_good_as_not_said():
    assert result_settings(NODE | {"server": NONE}, "model") == result_settings(NODE, "model")
    built = build(NODE | {"server": NONE}, "model", {"seed": 0})
    assert built == build(NODE, "model", {"seed": 0})
    assert isinstance(built.server, NoServer)


def test_a_server_is_part_of_a_result_and_its_patience_is_not():
    settings = result_settings(NODE | {"server": OURS | {"startup_timeout_s": 5.0}}, "model")
    assert settings["server"] == {"class": "CommandServer", "version": 1, "command": ["serve", "{port}"]}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"command": ["serve"]}, r"must contain \{port\}"),
        ({"command": ["serve", "{port}", "{modle}"]}, r"\{modle\}"),
        ({"startup_timeout_s": 0.0}, r"startup_timeout_s must be above 0"),
        ({"command": "serve {port}"}, r"model\.server\.command='serve \{port\}'"),
        ({"run_dir": "/tmp"}, r"model\.server\.run_dir is not a key"),
    ],
)
def test_a_server_that_cannot_be_is_one_sentence(keys, words):
    with pytest.raises(ConfigError, match=words) as caught:
        build(NODE | {"server": OURS | keys}, "model", {"seed": 0})
    assert "\n" not in str(caught.value)


def test_a_url_beside_a_server_is_refused():
    with pytest.raises(ConfigError, match=r"model\.base_url=http://x/v1 is set, and model\.server"):
        build(NODE | {"server": OURS, "base_url": "http://x/v1"}, "model", {"seed": 0})


def test_arguments_are_filled_and_their_own_braces_left_alone():
    made = CommandServer(
        command=["serve", "{weights}", "--as={name}", "{port}"], options=['{"n": {}}', 8], weights="a b;c"
    )
    assert made._argv("{port}", 80) == ["serve", "a b;c", "--as={port}", "80", '{"n": {}}', "8"]


def test_weights_are_the_name_unless_they_are_said():
    assert CommandServer(command=["{weights}", "{port}"])._argv("org/m", 1) == ["org/m", "1"]


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (
            CommandServer(command=["no-such-program", "{port}"]),
            PreflightError,
            "no-such-program is not on PATH",
        ),
        (LlamaCpp(command=["true", "{port}"]), ConfigError, r"model\.server\.weights is not set"),
        (LlamaCpp(command=["true", "{port}"], weights="absent.gguf"), PreflightError, "is not a file"),
    ],
)
def test_what_cannot_start_is_known_before_anything_is_computed(made, error, words):
    with pytest.raises(error, match=words):
        model(made).preflight()


def test_a_job_that_is_gone_takes_its_server_along_whichever_thread_started_it(tmp_path):
    job = (
        "import sys, threading, time; from contexttune.models.server import CommandServer; from pathlib import Path\n"
        "made = CommandServer(command=sys.argv[2:], run_dir=Path(sys.argv[1]))\n"
        "thread = threading.Thread(target=made.start, args=('m',)); thread.start(); thread.join()\n"
        "Path(sys.argv[1], 'ready').touch(); time.sleep(600)\n"
    )
    command = [*STAND_IN, "--load_s", "0", "--family", str(tmp_path / "family")]
    with subprocess.Popen([sys.executable, "-c", job, str(tmp_path), *command]) as process:
        family = pids(tmp_path / "family")
        assert comes_true((tmp_path / "ready").exists, 60)
        assert all(map(alive, family))  # its thread has ended, the job has not
        process.kill()
    assert gone(family, 30)


@pytest.fixture
def composed():
    def cell(*overrides: str):
        return cell_of(compose("config", overrides=["slice=demo", "model.name=m", *overrides]))

    hydra_setup.register()
    with initialize_config_dir(version_base="1.3", config_dir=str(config_dir())):
        yield cell


@pytest.mark.parametrize("option", sorted(p.stem for p in (config_dir() / "model/server").glob("*.yaml")))
def test_every_server_of_conf_builds_and_meets_its_seam(composed, option):
    made = composed(f"model/server={option}")
    assert isinstance(made.model.server, Server)
    assert made.model.server.starts == (option != "none")
    if option != "none":
        assert made.model.server.run_dir == made.layout.run(made.group_id, made.run_id)
        assert made.model.api_key_env is None


def test_a_run_is_named_by_what_serves_it_and_not_by_how_long_that_may_take(composed):
    vllm = composed("model/server=vllm").run_id
    assert composed("model/server=vllm", "model.server.startup_timeout_s=5").run_id == vllm
    assert composed("model/server=vllm", "model.server.options=[--dtype,half]").run_id != vllm
    assert (
        composed("model/server=none").run_id == composed("~model.server").run_id == composed().run_id != vllm
    )
