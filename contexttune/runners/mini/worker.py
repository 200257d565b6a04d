"""One attempt of mini-swe-agent, in a worker process."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contexttune.interfaces import RecordedModel
from contexttune.models.metering import TokenLimits
from contexttune.models.prices import Price
from contexttune.models.wire import ContextWindowExceeded, RequestRefused
from contexttune.runners.agent_report import DONE, INFRA, REFUSAL, TIME_EXCEEDED, Report
from contexttune.runners.mini.agent_model import AgentModel
from contexttune.runners.mini.environment import ShellEnvironment
from contexttune.runners.mini.protocols import PROTOCOLS
from contexttune.runners.supervisor import Stopped
from contexttune.runners.uptake import mentions_of
from contexttune.sandbox.shells import Shell
from contexttune.system.files import write_atomic

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

_COUNTS = ["n_calls", "n_steps", "n_requests", "usage", "cost_usd", "waited_s", "replayed_s", "served_model"]


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that an attempt needs, as picklable values. The endpoint has the name of a key, not the key."""

    instance_id: str
    task: str
    trajectory: Path
    endpoint: RecordedModel
    shell: Shell
    described: Mapping[str, Any]
    protocol: str
    prompts: Mapping[str, Any]  # mini-swe-agent's configuration: its `agent` and `model` sections
    command_timeout_s: int
    limits: TokenLimits
    price: Price | None = None


def work(job: Job, sink: Connection) -> None:
    """Run the attempt and send a report after every answer, and one at the end."""
    logging.getLogger("minisweagent").handlers.clear()  # they would write to the console
    report = Report()

    def on_answer(model: AgentModel) -> None:
        for name in _COUNTS:
            setattr(report, name, getattr(model, name))
        report.waiting_since_s = None
        sink.send(report)

    def on_wait(since_s: float) -> None:
        report.waiting_since_s = since_s
        sink.send(report)

    _attempt(job, report, on_answer, on_wait)
    sink.send(report)
    sink.close()


def _attempt(
    job: Job, report: Report, on_answer: Callable[[AgentModel], None], on_wait: Callable[[float], None]
) -> None:
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
    except RequestRefused as error:
        report.kind, report.exit_status, report.error = DONE, REFUSAL, str(error)[:500]
    except Stopped:
        report.kind, report.exit_status = DONE, TIME_EXCEEDED
    except Exception as error:  # noqa: BLE001 - an outage or a bug, neither of which measures the model
        reason = " ".join(str(error).split())[:500]
        report.kind, report.exit_status, report.error = INFRA, type(error).__name__, reason
    finally:
        report.n_steps = model.n_steps
        report.mentions = mentions_of(agent.messages)
        _save(job, agent, report)


def _save(job: Job, agent: Any, report: Report) -> None:
    """Write the trajectory for `mini-extra inspect`; bytes that are not UTF-8 are escaped visibly."""
    import json

    info = {"exit_status": report.exit_status, "submission": report.submission, "error": report.error}
    saved = agent.serialize({"info": info, "instance_id": job.instance_id})
    text = json.dumps(saved, indent=1, ensure_ascii=True, default=str)
    write_atomic(job.trajectory, text, durable=False)
