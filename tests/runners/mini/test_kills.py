"""Kill -9 at random points of a scripted agent's run: the end is as if nothing had been, and no answer is paid twice."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from contexttune.models.journal import read_calls
from contexttune.system.files import fingerprint
from tests.agents.scripted import ROTA, SUBMIT, TABLET, Agent, calls
from tests.command_line import Program, contexttune
from tests.models.fault_server import FaultServer, error, serving

pytestmark = [pytest.mark.slow, pytest.mark.bwrap]

KILLS = int(os.environ.get("CONTEXTTUNE_KILLS", "4"))  # each takes seconds
WORKERS = 2
INSTANCES = (ROTA, TABLET, "ctdemo__inkfile-8")
# what the agent does, turn by turn: it looks, writes, waits, and in the end submits
TURNS = (
    "ls -la; git status; git log --oneline",
    "find . -name '*.py' | sort | head; pwd; hostname",
    *(
        f"echo line {number} >> README.md; sleep 0.{number}; git diff --stat; wc -l README.md"
        for number in range(1, 10)
    ),
    "git diff -- README.md > patch.txt; cat patch.txt",
    SUBMIT,
)


@dataclass
class Counting:
    """Answers by the turn that a conversation is at, and notes requests that a journal on the disk has an answer to."""

    root: Path
    asked: list[str] = field(default_factory=list)  # digests
    paid_twice: list[str] = field(default_factory=list)

    def __call__(self, handler: BaseHTTPRequestHandler) -> None:
        if handler.command == "GET":  # the program looks whether anybody is there
            return error(404)(handler)
        body: dict[str, Any] = handler.body  # type: ignore[attr-defined]
        digest = fingerprint(body, 64)
        # what was not written in whole was never used, and counts as not answered
        if any(digest == line["request_sha256"] for lines in self.journals().values() for line in lines):
            self.paid_twice.append(digest)
        self.asked.append(digest)
        time.sleep(0.05)
        turn = sum(message["role"] == "assistant" for message in body["messages"])
        return calls(TURNS[turn])(handler)

    def journals(self) -> dict[str, list[dict[str, Any]]]:
        return {
            path.parent.name: read_calls(path) for path in self.root.glob("artifacts/preds/g/*/*/calls.jsonl")
        }


@pytest.fixture
def scratch() -> Iterator[str]:
    """For what killed programs leave in the temporary directory; with a short path, as sockets need it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as made:
        yield made


def started(agent: Agent, server: FaultServer, scratch: str) -> Program:
    return agent.start(server.url, f"workers={WORKERS}", instances=",".join(INSTANCES), TMPDIR=scratch)


def predictions(root: Path) -> bytes:
    (path,) = root.glob("artifacts/preds/g/*/preds.jsonl")
    return path.read_bytes()


@pytest.fixture
def undisturbed(tmp_path: Path, scratch: str) -> Counting:
    (tmp_path / "undisturbed").mkdir()
    counting = Counting(tmp_path / "undisturbed")
    with serving(counting) as server:
        program = started(Agent(counting.root), server, scratch)
        said, _ = program.communicate(timeout=300)
    assert program.returncode == 0, said
    assert len(counting.asked) == len(TURNS) * len(INSTANCES)
    return counting


def kill_somewhere(program: Program, counting: Counting, moments: random.Random) -> bool:
    """Kill the program, alone or with the server of its workers; whether it was at work until then.

    Some time after it was started, or after its next request or the one after that: the blow falls on the start, on
    answers that are being given again, on a request under way, on an answer being written, on a command.
    """
    ends = time.monotonic() + moments.uniform(0.3, 8)
    n_requests = len(counting.asked) + moments.choice((1, 1, 2, 1000))
    while program.poll() is None and len(counting.asked) < n_requests:
        if n_requests >= 1000 and time.monotonic() > ends:
            break
        time.sleep(0.002)
    time.sleep(moments.uniform(0, 0.4))
    at_work = program.poll() is None
    if moments.random() < 0.5:
        os.killpg(program.pid, signal.SIGKILL)
    else:
        program.kill()
    program.wait()
    assert program.stdout is not None
    program.stdout.close()
    return at_work


def test_after_many_kills_all_is_as_if_nothing_had_been_and_no_answer_was_paid_twice(
    undisturbed, agent, scratch
):
    """An answer is one that has reached the journal. That none of these is asked for again is exact: the server looks
    into the journals as a request comes in. What it sent and a kill kept from the journal, it has to send again: at
    most what was under way, one for each worker and kill.
    """
    moments = random.Random(20)
    counting, n_at_work = Counting(agent.root), 0
    with serving(counting) as server:
        for _ in range(KILLS):
            n_at_work += kill_somewhere(started(agent, server, scratch), counting, moments)
        program = started(agent, server, scratch)
        said, _ = program.communicate(timeout=300)
    assert program.returncode == 0, said
    assert n_at_work == KILLS, "a kill came after the end: the script is too short"
    assert predictions(agent.root) == predictions(undisturbed.root)
    assert set(counting.asked) == set(undisturbed.asked), "an attempt went another way"
    assert counting.paid_twice == []
    journals = counting.journals()
    for instance in INSTANCES:
        assert [line["number"] for line in journals[instance]] == list(range(1, len(TURNS) + 1))
        record = agent.attempt(instance)
        assert (record["n_calls"], record["earlier"].get("n_calls", 0)) == (len(TURNS), 0)
    n_answers = sum(len(lines) for lines in journals.values())
    assert n_answers == len(undisturbed.asked)
    assert len(counting.asked) - n_answers <= KILLS * WORKERS
    verified = contexttune("task=verify", "group_id=g", cwd=agent.root)
    assert (verified.returncode, "warning" in verified.stdout) == (0, False), verified.stdout
