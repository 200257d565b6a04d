"""An attempt that is cut off, and what the tree held when it was."""

from __future__ import annotations

import uuid

import pytest

from tests.agents.fixtures import IN_BUBBLEWRAP, PLACES, in_bubblewrap, in_docker
from tests.agents.outages import is_measured
from tests.agents.scripted import EDIT, ROTA, calls, is_living
from tests.models.fault_server import Answer, serving, stall

pytestmark = pytest.mark.slow

NAP = f"sleep 306{uuid.uuid4().int % 10**9:09d}.5"  # nobody else on this machine sleeps so long
BUSY: dict[str, Answer] = {"a command": calls(f"{EDIT}; {NAP}"), "a stalled endpoint": stall(60)}


@pytest.mark.parametrize(
    ("busy", "runner"),
    [
        *(pytest.param("a command", *place.values, marks=place.marks) for place in PLACES),
        pytest.param("a stalled endpoint", *IN_BUBBLEWRAP.values, marks=IN_BUBBLEWRAP.marks),
    ],
)
def test_the_wall_limit_ends_an_attempt_and_keeps_what_the_tree_held(any_agent, busy):
    with serving(calls(EDIT), BUSY[busy]) as server:
        attempt = any_agent.infer(server.url, wall_limit_s=4)[ROTA]
    assert (attempt["status"], attempt["exit_status"]) == ("limit", "TimeExceeded")
    assert len(server.requests) == 2
    assert attempt["wall_s"] < 16
    assert attempt["model_patch"] == ""
    assert "+a new line" in attempt["recovered_patch"]
    assert "patch.txt" not in attempt["recovered_patch"]
    assert attempt["recovered_submitted"] is False
    assert any_agent.predictions() == {ROTA: ""}
    assert len(any_agent.trajectory()["messages"]) >= 4  # what it did until then is on record
    assert not is_living(NAP)
    is_measured(any_agent, ROTA)


@in_bubblewrap()
def test_what_the_tree_held_is_the_prediction_only_where_that_is_asked_for(any_agent):
    with serving(calls(EDIT), BUSY["a command"]) as server:
        attempt = any_agent.infer(server.url, wall_limit_s=4, submit_recovered=True)[ROTA]
    assert (attempt["status"], attempt["recovered_submitted"]) == ("limit", True)
    assert attempt["model_patch"] == attempt["recovered_patch"]
    assert "+a new line" in any_agent.predictions()[ROTA]


@in_docker()
def test_a_recovered_patch_needs_no_free_lock_and_no_base_commit(any_agent):
    """A cut-off git leaves a lock; and images carry a commit of their own on top of the base commit."""
    locked = "echo more >> README.md; echo x > new; git add README.md; touch .git/index.lock"
    with serving(calls(locked), calls("true")) as server:
        attempt = any_agent.infer(server.url, step_limit=2)[ROTA]
    assert (attempt["status"], attempt["exit_status"]) == ("limit", "LimitsExceeded")
    assert "+more" in attempt["recovered_patch"]
    assert "b/new" in attempt["recovered_patch"]
