"""One attempt in a process of its own: killable, and alone with its memory."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from contexttune.interfaces import RecordedModel
from contexttune.models.metering import TokenLimits
from contexttune.models.prices import Price
from contexttune.models.wire import ContextWindowExceeded
from contexttune.runners.mini.agent_model import AgentModel
from contexttune.runners.mini.environment import ShellEnvironment
from contexttune.runners.mini.protocols import PROTOCOLS
from contexttune.runners.uptake import mentions_of
from contexttune.sandbox.shells import Shell
from contexttune.system.files import write_atomic
from contexttune.types import Usage

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

INFRA = "infra"  # the kind of a report that is no measurement
DONE = "done"
_ADDED_UP = (
    *("n_calls", "n_steps", "n_requests", "usage", "cost_usd"),
    *("waited_s", "replayed_s", "served_model"),
)
_LAST_WORDS_S = 2.0
SUBMITTED = "Submitted"  # mini-swe-agent's word
SOCKETS = (
    "CONTEXTTUNE_SOCKETS"  # the variable with the folder that the server of workers removes when it ends
)


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that an attempt needs, as values that pickle. The endpoint holds the name of a key, not the key."""

    instance_id: str
    task: str
    trajectory: Path
    endpoint: RecordedModel
    shell: Shell
    described: Mapping[str, Any]
    protocol: str
    prompts: Mapping[str, Any]  # mini-swe-agent's configuration: its `agent` and `model` parts
    command_timeout_s: int
    limits: TokenLimits
    price: Price | None = None


@dataclass(kw_only=True)
class Report:
    """How far an attempt has come; the last one says how it ended."""

    kind: str = ""  # DONE or INFRA at the end
    exit_status: str = ""
    submission: str = ""
    error: str | None = None
    n_calls: int = 0
    n_steps: int = 0
    n_requests: int = 0
    cost_usd: float | None = None
    waited_s: float = 0.0  # on the endpoint's account, not the agent's
    replayed_s: float = 0.0  # what answers that were read back took when they were given
    waiting_since_s: float | None = None  # monotonic; None: not waiting now
    mentions: list[list[str]] | None = None  # for each step, what its commands name that looks like a path
    served_model: str = ""
    usage: Usage = field(default_factory=Usage)


class Stopped(BaseException):
    """SIGTERM: not an Exception, so that nothing on the way takes it for an agent's error."""


def work(job: Job, sink: Connection) -> None:
    """Run the attempt and send reports: one after every answer, the last one with its end."""
    from contexttune.system import subprocesses

    os.setsid()  # the supervisor ends the group: commands under way go with it
    subprocesses.die_with_parent()
    logging.getLogger("minisweagent").handlers.clear()  # it would write to our console
    report = Report()
    try:
        signal.signal(signal.SIGTERM, _stop)
        threading.Thread(target=_end_with_program, daemon=True).start()
        _work(job, report, sink)
    except (Stopped, BrokenPipeError):
        pass  # nobody waits for what it would have said


def _work(job: Job, report: Report, sink: Connection) -> None:
    def on_answer(model: AgentModel) -> None:
        for name in _ADDED_UP:
            setattr(report, name, getattr(model, name))
        report.waiting_since_s = None
        sink.send(report)

    def on_wait(since_s: float) -> None:
        report.waiting_since_s = since_s
        sink.send(report)

    _attempt(job, report, on_answer, on_wait)
    sink.send(report)
    sink.close()


def _end_with_program() -> None:
    """End this worker when the program is gone, even by kill -9: it is a child of another process, which lives on."""
    program = multiprocessing.parent_process()
    assert program is not None
    program.join()
    os.kill(os.getpid(), signal.SIGTERM)  # the main thread ends what it has started
    time.sleep(_LAST_WORDS_S)
    os.killpg(0, signal.SIGKILL)


def _stop(*_: object) -> NoReturn:
    raise Stopped


def _attempt(job: Job, report: Report, on_answer: Any, on_wait: Any) -> None:
    from minisweagent.agents.default import DefaultAgent

    model = AgentModel(
        endpoint=job.endpoint,
        protocol=PROTOCOLS[job.protocol],
        templates=job.prompts["model"],
        limits=job.limits,
        price=job.price,
        on_answer=on_answer,
        on_wait=on_wait,
    )
    environment: Any = ShellEnvironment(
        shell=job.shell,
        timeout_s=job.command_timeout_s,
        described=dict(job.described),
        magic_lines=model.protocol.magic_lines,
    )
    agent = DefaultAgent(model, environment, **job.prompts["agent"])
    try:
        info = agent.run(job.task)
        report.kind, report.exit_status = DONE, str(info.get("exit_status", ""))
        report.submission = str(info.get("submission", ""))
    except ContextWindowExceeded as error:
        report.kind, report.exit_status, report.error = DONE, "ContextWindowExceededError", str(error)[:500]
    except Stopped:
        report.kind, report.exit_status = DONE, "TimeExceeded"
    except Exception as error:  # noqa: BLE001 - an outage, or a defect: neither measures the model
        words = " ".join(str(error).split())[:500]
        report.kind, report.exit_status, report.error = INFRA, type(error).__name__, words
    finally:
        report.n_steps = model.n_steps
        report.mentions = mentions_of(agent.messages)
        _save(job, agent, report)


def _save(job: Job, agent: Any, report: Report) -> None:
    """The trajectory, as `mini-extra inspect` reads it. Bytes that are not UTF-8 are escaped visibly."""
    import json

    info = {"exit_status": report.exit_status, "submission": report.submission, "error": report.error}
    saved = agent.serialize({"info": info, "instance_id": job.instance_id})
    text = json.dumps(saved, indent=1, ensure_ascii=True, default=str)
    write_atomic(job.trajectory, text, durable=False)
