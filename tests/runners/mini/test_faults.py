"""The fault table: what an attempt ends as, how many requests it takes, and that the next start does the rest alone."""

from __future__ import annotations

import multiprocessing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.agents.fixtures import IN_BUBBLEWRAP, IN_DOCKER
from tests.agents.outages import BOTH, FINE, is_measured, is_outage
from tests.agents.scripted import ROTA, TABLET, after, calls, close_server
from tests.models.fault_server import Answer, error, half, ok, raw, serving, stall

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Row:
    """What the endpoint says to the second instance, and what must come of it."""

    answers: tuple[Answer, ...]
    status: str
    exit_status: str
    n_requests: int
    model: Mapping[str, Any] = field(default_factory=dict)


def kill_worker() -> None:
    for worker in multiprocessing.active_children():
        worker.kill()


AT_ONCE = {"Retry_After": "0"}  # a test of its own says that it is waited for
TWICE = {"attempts": 2}
TOO_LONG = "This model's maximum context length is 4096 tokens, however you requested 9000 tokens"
NO_JSON = {"id": "1", "type": "function", "function": {"name": "bash", "arguments": "{"}}
OUTAGE = ("infra_error", "InfraError")
ROWS = {
    "connection refused": Row((close_server,), *OUTAGE, 1, TWICE),
    "429 with Retry-After": Row((error(429, **AT_ONCE), *FINE), "submitted", "Submitted", 3),
    "429 for good": Row((calls("true"), error(429, **AT_ONCE)), *OUTAGE, 6),
    "500 three times then fine": Row((*[error(500, **AT_ONCE)] * 3, *FINE), "submitted", "Submitted", 5),
    "500 for good": Row((calls("true"), error(500, **AT_ONCE)), *OUTAGE, 3, TWICE),
    "malformed JSON": Row((calls("true"), raw(200, '{"choices": [')), *OUTAGE, 3, TWICE),
    "JSON of another shape": Row((raw(200, '{"detail": "x"}'),), *OUTAGE, 2, TWICE),
    "a page of a gateway": Row((raw(200, "<html>busy</html>"),), *OUTAGE, 2, TWICE),
    "a stalled answer": Row((calls("true"), stall(20)), *OUTAGE, 3, TWICE | {"timeout_s": 1}),
    "a stalled stream": Row((calls("true"), half(20)), *OUTAGE, 3, TWICE | {"timeout_s": 1}),
    "a stream that is cut off": Row((calls("true"), half(0)), *OUTAGE, 3, TWICE),
    "context length": Row((calls("true"), error(400, TOO_LONG)), "limit", "ContextWindowExceededError", 2),
    "401": Row((calls("true"), error(401)), *OUTAGE, 2),
    "400 of another kind": Row((calls("true"), error(400, "no")), "infra_error", "RequestRejected", 2),
    "no action ten times": Row((ok("I think."),) * 10, "agent_error", "RepeatedFormatError", 3),
    "a call that is no JSON": Row((ok("", tool_calls=[NO_JSON]),), "agent_error", "RepeatedFormatError", 3),
    "the worker is killed": Row((calls("true"), after(kill_worker, calls("true"))), *OUTAGE, 2),
}


@pytest.mark.parametrize(
    ("runner", "row"),
    [
        *(
            pytest.param(*IN_BUBBLEWRAP.values, row, marks=IN_BUBBLEWRAP.marks, id=name)
            for name, row in ROWS.items()
        ),
        # a container goes in each way that an attempt ends
        *(
            pytest.param(*IN_DOCKER.values, ROWS[name], marks=IN_DOCKER.marks, id=f"{name}-docker")
            for name in ("context length", "401", "no action ten times", "the worker is killed")
        ),
    ],
)
def test_a_fault_of_the_endpoint_is_told_from_an_answer(any_agent, row):
    with serving(*FINE, *row.answers) as server:
        records = any_agent.infer(server.url, BOTH, row.model)
    attempt = records[TABLET]
    assert (attempt["status"], attempt["exit_status"]) == (row.status, row.exit_status), attempt["error"]
    assert len(server.requests) == len(FINE) + row.n_requests
    if row.status == "infra_error":
        is_outage(any_agent)
    else:
        is_measured(any_agent)


@pytest.mark.bwrap
def test_an_outage_is_an_exit_code_and_the_same_command_goes_on(agent):
    with serving(*FINE, error(401)) as server:
        done = agent.run(server.url, instances=BOTH)
    assert done.returncode == 4, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    before = agent.predictions()
    assert set(before) == {ROTA}
    with serving(*FINE) as sound:
        done = agent.run(sound.url, instances=BOTH)
    assert (done.returncode, len(sound.requests)) == (0, len(FINE)), done.stdout + done.stderr
    assert set(agent.predictions()) == {ROTA, TABLET}
    assert agent.predictions()[ROTA] == before[ROTA]


@pytest.mark.bwrap
def test_retry_after_is_waited_for_and_every_request_is_counted(agent):
    with serving(calls("true"), error(429, Retry_After="2"), *FINE) as server:
        records = agent.infer(server.url)
    assert 2.0 <= server.times[2] - server.times[1] < 15
    assert (records[ROTA]["n_calls"], records[ROTA]["details"]["n_requests"]) == (3, 4)
