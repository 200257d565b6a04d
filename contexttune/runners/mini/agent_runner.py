"""What both agent runners share: prompts, the attempt, and how its end becomes an Attempt."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError
from contexttune.injection import inject
from contexttune.interfaces import Model, Runner
from contexttune.models.metering import TokenLimits
from contexttune.models.prices import Price
from contexttune.repos.workspace import Workspace
from contexttune.runners.mini.protocols import PROTOCOLS
from contexttune.runners.mini.silence import keep_quiet
from contexttune.runners.mini.supervisor import attend, warm_up
from contexttune.runners.mini.worker import Job, Report
from contexttune.runners.uptake import uptake_of
from contexttune.sandbox.testbed import EndlessDiff, Place
from contexttune.system.files import fingerprint, is_utf8
from contexttune.system.progress import Board
from contexttune.types import Attempt, AttemptStatus, Instance

log = logging.getLogger(__name__)

_AGENT_ERRORS = ("RepeatedFormatError",)
_STOP_S = 10.0
_BARE_BINARY = re.compile(r"^Binary files .+ and .+ differ$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class AgentRunner(Runner):
    """An agent loop of mini-swe-agent on one instance. Subclasses say where its commands run."""

    model: Model
    workspace: Workspace
    run_label: str
    model_price: Price | None = None
    board: Board = field(default_factory=Board)
    workers: int | None = field(default=None, metadata=NO_EFFECT)
    protocol: str = "toolcall"  # a name in PROTOCOLS
    v1_prompts: str | None = None
    step_limit: int = 250
    wall_limit_s: int = 3600
    command_timeout_s: int = 60
    completion_tokens_limit: int | None = None
    total_tokens_limit: int | None = None
    cost_limit_usd: float | None = None
    submit_recovered: bool = False
    _stop: threading.Event = field(default_factory=threading.Event, init=False, repr=False, compare=False)
    _running: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    _swept: list[bool] = field(default_factory=list, init=False, repr=False, compare=False)
    _changed: threading.Condition = field(
        default_factory=threading.Condition, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ConfigError(f"runner.protocol must be one of {', '.join(PROTOCOLS)}, got {self.protocol}")
        for key in ("step_limit", "wall_limit_s", "command_timeout_s"):
            if getattr(self, key) < 1:
                raise ConfigError(f"runner.{key} must be at least 1, got {getattr(self, key)}")

        if self.cost_limit_usd is not None and self.model_price is None:
            raise ConfigError(
                "runner.cost_limit_usd needs the model's price: set model.price={prompt: USD, completion: USD} per million tokens"
            )

    def preflight(self) -> None:
        """Raise PreflightError when the protocol's prompts cannot be had."""
        self._configuration()
        warm_up()

    @property
    def request_parameters(self) -> Mapping[str, Any]:
        """What each request carries besides messages and sampling."""
        keep_quiet()
        return PROTOCOLS[self.protocol].parameters()

    def place(self, instance: Instance) -> AbstractContextManager[Place]:
        """Where the attempt happens."""
        raise NotImplementedError

    def variables(self) -> dict[str, str]:
        """Environment variables of the agent's commands, as mini-swe-agent sets them."""
        return {str(k): str(v) for k, v in self._configuration()["environment"]["env"].items()}

    def rehearse(self, instance: Instance, block: str) -> str:
        from jinja2 import StrictUndefined, Template

        agent = self._configuration()["agent"]
        task = inject(block, instance.problem_statement)
        rendered = Template(agent["instance_template"], undefined=StrictUndefined).render(task=task)
        return f"{agent['system_template']}\n{rendered}"

    def _configuration(self) -> Mapping[str, Any]:
        """Prompts, templates and variables, as the protocol has them."""
        return PROTOCOLS[self.protocol].configuration(self.workspace.layout, self.v1_prompts)

    @property
    def label(self) -> str:
        """The run's name on a machine: the same settings may also run from another directory."""
        return f"{self.run_label}@{fingerprint(str(self.workspace.layout.results.resolve()))}"

    def sweep(self) -> None:
        """Remove what a killed process of this very run left behind; called before the first attempt."""

    def stop(self) -> None:
        """End attempts under way, and wait until they have: their containers go with them."""
        self._stop.set()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._running, timeout=_STOP_S):
                log.warning("not ended in time: %s", ", ".join(sorted(self._running)))

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        reports = [Report()]

        def on_report(report: Report) -> None:
            reports[0] = report
            self.board.note(instance.instance_id, **_shown(report))

        with self._under_way(instance.instance_id), self.place(instance) as place:
            job = self._job(instance, block, out_dir, place)
            try:
                report = attend(job, self.wall_limit_s, self._stop, on_report)
                attempt = self._attempt(report, place)
            except InfraError as error:  # paid for all the same
                paid = reports[0]
                raise InfraError(str(error), n_calls=paid.n_calls, usage=paid.usage) from None
            return replace(
                attempt,
                prompts_sha256=_prompts_sha256(job),
                uptake=uptake_of(
                    report.mentions, block, attempt.model_patch or attempt.recovered_patch, place.files()
                ),
            )

    @contextmanager
    def _under_way(self, instance_id: str) -> Iterator[None]:
        """Count an attempt in and out. Raises InfraError when the run is being interrupted."""
        with self._changed:
            if self._stop.is_set():
                raise InfraError("the run was interrupted")
            # not in preflight: only now is it certain that no other process is at work on this run
            if not self._swept:
                self.sweep()
                self._swept.append(True)
            self._running.add(instance_id)
        try:
            yield
        finally:
            with self._changed:
                self._running.discard(instance_id)
                self._changed.notify_all()

    def _job(self, instance: Instance, block: str, out_dir: Path, place: Place) -> Job:
        configured = self._configuration()
        agent = {key: configured["agent"][key] for key in ("system_template", "instance_template")}
        agent |= PROTOCOLS[self.protocol].agent_settings
        limits = {
            "step_limit": self.step_limit,
            "cost_limit": self.cost_limit_usd or 0.0,
            "wall_time_limit_seconds": 0,  # held from outside, where waiting for the endpoint is left out
        }
        return Job(
            instance_id=instance.instance_id,
            task=inject(block, instance.problem_statement),
            trajectory=out_dir / f"{instance.instance_id}.traj.json",
            endpoint=self.model.recorded(out_dir),
            shell=place.shell,
            described=place.described,
            protocol=self.protocol,
            prompts={"agent": agent | limits, "model": configured["model"]},
            command_timeout_s=self.command_timeout_s,
            limits=TokenLimits(
                completion_tokens=self.completion_tokens_limit,
                total_tokens=self.total_tokens_limit,
                cost_usd=self.cost_limit_usd,
            ),
            price=self.model_price,
        )

    def submitted(self, report: Report, place: Place) -> str:
        """The patch of an attempt that ended in a submission."""
        raise NotImplementedError

    def _recovered(self, place: Place) -> str:
        """What the tree holds. Raises InfraError when it cannot be known and is to be graded."""
        try:
            return place.diff().decode("utf-8", "surrogateescape")
        except EndlessDiff as error:
            if self.submit_recovered:
                raise
            log.warning("what was in the tree when the limit struck is not known: %s", error)
            return ""

    def _attempt(self, report: Report, place: Place) -> Attempt:
        submitted = report.exit_status == "Submitted"
        patch = self.submitted(report, place) if submitted else ""
        recovered = "" if submitted else self._recovered(place)
        status, error = _classify(report, patch)
        if not patch.strip():
            place.require_space()
        use_recovered = self.submit_recovered and is_utf8(recovered) and bool(recovered.strip())
        if use_recovered:
            patch = recovered
        if not is_utf8(patch):
            status, patch, error = (
                AttemptStatus.AGENT_ERROR,
                "",
                "the patch is not UTF-8, as predictions must be",
            )
        elif _BARE_BINARY.search(patch):  # the prediction stays what the agent printed: the harness decides
            status, error = AttemptStatus.AGENT_ERROR, "the patch names a binary file without its content"
        return Attempt(
            status=status,
            exit_status=report.exit_status,
            model_patch=patch,
            recovered_patch=recovered,
            recovered_submitted=use_recovered,
            n_calls=report.n_calls,
            n_steps=report.n_steps,
            usage=report.usage,
            error=error,
            details={
                **place.described,
                **self._configuration().get("described", {}),
                "n_requests": report.n_requests,
                "waited_s": round(report.waited_s, 3),
                "served_model": report.served_model,
            },
        )


def _prompts_sha256(job: Job) -> str:
    """Of all templates that messages are made from; limits are no part of them."""
    prompts = {name: text for name, text in job.prompts["agent"].items() if name.endswith("_template")}
    return fingerprint([job.protocol, prompts, job.prompts["model"]], 64)


def _shown(report: Report) -> dict[str, str]:
    """The live table's columns of a running attempt."""
    tokens = (report.usage.prompt_tokens or 0) + (report.usage.completion_tokens or 0)
    return {
        "step": str(report.n_calls),
        "tokens": f"{tokens:,}",
        "cost": "-" if report.cost_usd is None else f"${report.cost_usd:.2f}",
        "status": "waits for the endpoint"
        if report.waiting_since_s is not None
        else report.exit_status or "works",
    }


def _classify(report: Report, patch: str) -> tuple[AttemptStatus, str | None]:
    if report.exit_status == "Submitted":
        return (AttemptStatus.SUBMITTED if patch.strip() else AttemptStatus.EMPTY_PATCH), None
    if report.exit_status in _AGENT_ERRORS:
        return AttemptStatus.AGENT_ERROR, report.error
    if report.exit_status.endswith(
        ("LimitsExceeded", "TimeExceeded", "TokenLimitExceeded", "ContextWindowExceededError")
    ):
        return AttemptStatus.LIMIT, report.error
    raise InfraError(f"the agent ended in a way that is not known: {report.exit_status or 'none'}")
