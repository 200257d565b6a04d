"""An agent that is made to begin again: it is given what it was answered before, by either runner."""

from __future__ import annotations

import time

import pytest

from tests.agents.fixtures import both_runners, in_bubblewrap
from tests.agents.outages import BOTH, FINE
from tests.agents.scripted import EDIT, ROTA, SUBMIT, TABLET, Agent, after, calls
from tests.models.fault_server import error, ok, serving, stall

pytestmark = pytest.mark.slow


@both_runners()
def test_after_an_outage_an_attempt_goes_on_where_it_was(any_agent):
    with serving(calls("ls"), calls(EDIT), error(401)) as server:
        broken = any_agent.infer(server.url)[ROTA]
    assert (broken["status"], broken["n_calls"], len(server.requests)) == ("infra_error", 2, 3)
    with serving(calls(SUBMIT)) as server:
        done = any_agent.infer(server.url)[ROTA]
    assert (done["status"], done["n_calls"], len(server.requests)) == ("submitted", 3, 1)
    assert (done["details"]["n_replayed"], done["details"]["n_requests"]) == (2, 1)
    assert done["prompt_tokens"] == 33
    assert "+a new line" in done["model_patch"]
    assert done["earlier"].get("n_calls", 0) == 0


@in_bubblewrap()
def test_where_a_command_prints_something_else_the_endpoint_is_asked_again(any_agent):
    with serving(calls("ls"), calls("date +%s.%N"), calls("ls"), error(401)) as server:
        any_agent.infer(server.url)
    with serving(*FINE) as server:
        done = any_agent.infer(server.url)[ROTA]
    assert (done["n_calls"], done["details"]["n_replayed"], len(server.requests)) == (4, 2, 2)
    assert done["earlier"]["n_calls"] == 1


@both_runners()
def test_a_finished_run_is_made_again_without_an_endpoint(any_agent):
    odd = ok("I think \ud800.", reasoning_content="hm")
    with serving(calls("ls -la; git status"), odd, *FINE, calls("ls"), *FINE) as server:
        done = any_agent.run(server.url, instances=BOTH)
    assert done.returncode == 0, done.stdout + done.stderr
    (source,) = any_agent.root.glob("artifacts/preds/g/no_context-*")
    again = Agent(
        any_agent.root / "again", any_agent.runner, model=("model=replay", f"model.source={source}")
    )
    again.root.mkdir()
    done = again.run("http://127.0.0.1:9/v1", instances=BOTH)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "replayed from an earlier run" in done.stdout
    assert again.predictions() == any_agent.predictions()
    for instance in (ROTA, TABLET):
        then, now = any_agent.attempt(instance), again.attempt(instance)
        for key in (
            "status",
            "exit_status",
            "n_calls",
            "n_steps",
            "prompt_tokens",
            "completion_tokens",
            "uptake",
        ):
            assert then[key] == now[key]
        assert now["details"]["n_replayed"] == now["n_calls"]
        assert [m["content"] for m in again.trajectory(instance)["messages"]] == [
            m["content"] for m in any_agent.trajectory(instance)["messages"]
        ]


@pytest.mark.bwrap
def test_what_answers_took_when_they_were_given_counts_towards_the_wall_limit(agent):
    with serving(after(lambda: time.sleep(5), calls("true")), error(401)) as server:
        agent.infer(server.url)
    with serving(stall(60)) as server:
        done = agent.infer(server.url, wall_limit_s=5)[ROTA]
    assert (done["status"], done["exit_status"], done["n_calls"]) == ("limit", "TimeExceeded", 1)
    assert done["wall_s"] < 5
