"""The base of all agent runners: one attempt in a testbed, and how its end becomes an Attempt."""

from __future__ import annotations

import logging
import re
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError
from contexttune.interfaces import Model, Runner
from contexttune.models.prices import Price
from contexttune.repos.workspace import Workspace
from contexttune.runners.agent_report import SUBMITTED, Report
from contexttune.runners.uptake import uptake_of
from contexttune.sandbox.patch_collection import Patch
from contexttune.sandbox.testbed import Testbed
from contexttune.system.files import fingerprint, is_utf8
from contexttune.system.progress import Board
from contexttune.types import Attempt, AttemptStatus, Instance

log = logging.getLogger(__name__)

_STOP_S = 10.0
_BARE_BINARY = re.compile(r"^Binary files .+ and .+ differ$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class AgentRunner(Runner):
    """Runs an agent on one instance at a time, possibly in several threads.

    A subclass provides the testbed, runs the agent in it, and takes the patch of a submission.
    """

    model: Model
    workspace: Workspace
    run_label: str
    model_price: Price | None = None
    board: Board = field(default_factory=Board)
    workers: int | None = field(default=None, metadata=NO_EFFECT)
    wall_limit_s: int = 3600
    cost_limit_usd: float | None = None
    submit_recovered: bool = False
    _stop: threading.Event = field(default_factory=threading.Event, init=False, repr=False, compare=False)
    _running: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    _swept: list[bool] = field(default_factory=list, init=False, repr=False, compare=False)
    _changed: threading.Condition = field(
        default_factory=threading.Condition, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        self.require_positive("wall_limit_s")
        if self.cost_limit_usd is not None and self.model_price is None:
            raise ConfigError(
                "runner.cost_limit_usd needs the model's price: set model.price={prompt: USD, completion: USD} per million tokens"
            )

    def require_positive(self, *keys: str) -> None:
        """Raise ConfigError for a setting below 1."""
        for key in keys:
            if getattr(self, key) < 1:
                raise ConfigError(f"runner.{key} must be at least 1, got {getattr(self, key)}")

    @abstractmethod
    def testbed(self, instance: Instance) -> AbstractContextManager[Testbed]:
        """The testbed of the attempt."""

    @abstractmethod
    def work(
        self,
        instance: Instance,
        block: str,
        out_dir: Path,
        testbed: Testbed,
        on_report: Callable[[Report], None],
    ) -> Report:
        """Run the agent and return its last report. Raises InfraError for an outage, and soon after `_stop` is set."""

    @abstractmethod
    def submitted(self, report: Report, testbed: Testbed) -> Patch:
        """The patch of an attempt that ended in a submission."""

    @abstractmethod
    def sweep(self) -> None:
        """Remove what a killed process of this run left behind. Called before the first attempt."""

    @property
    @abstractmethod
    def prompts_sha256(self) -> str:
        """Digest of the templates that messages are made from."""

    @property
    def details(self) -> Mapping[str, Any]:
        """Further fields of the record of an attempt."""
        return {}

    @property
    def label(self) -> str:
        """The run's name on this machine, where the same settings may run from another directory as well."""
        return f"{self.run_label}@{fingerprint(str(self.workspace.layout.results.resolve()))}"

    def stop(self) -> None:
        """End the running attempts, and wait until their containers are removed."""
        self._stop.set()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._running, timeout=_STOP_S):
                log.warning("still running after %.0f s: %s", _STOP_S, ", ".join(sorted(self._running)))

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        last = Report()

        def on_report(report: Report) -> None:
            nonlocal last
            last = report
            self.board.note(instance.instance_id, **report.columns())

        with self._counted(instance.instance_id), self.testbed(instance) as testbed:
            try:
                report = self.work(instance, block, out_dir, testbed, on_report)
                attempt = self._attempt(report, testbed)
            except InfraError as error:  # its calls were paid for nevertheless
                raise type(error)(str(error), n_calls=last.n_calls, usage=last.usage) from None
            patch = attempt.model_patch or attempt.recovered_patch
            return replace(attempt, uptake=uptake_of(report.mentions, block, patch, testbed.files()))

    @contextmanager
    def _counted(self, instance_id: str) -> Iterator[None]:
        """Count a running attempt. Raises InfraError when the run is being interrupted."""
        with self._changed:
            if self._stop.is_set():
                raise InfraError("the run was interrupted")
            # not in preflight: only now is it certain that no other process works on this run
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

    def _attempt(self, report: Report, testbed: Testbed) -> Attempt:
        is_submitted = report.exit_status == SUBMITTED
        taken = self.submitted(report, testbed) if is_submitted else testbed.diff()
        patch, recovered = (taken.text, "") if is_submitted else ("", taken.text)
        status, error = report.classify(patch)
        if not patch.strip():
            testbed.require_space()  # without space no patch can be written, so that its absence says nothing
        if taken.problem:
            status = AttemptStatus.AGENT_ERROR if status is AttemptStatus.EMPTY_PATCH else status
            error = "; ".join(filter(None, (error, taken.problem)))
        use_recovered = self.submit_recovered and is_utf8(recovered) and bool(recovered.strip())
        if use_recovered:
            patch = recovered
        if not is_utf8(patch):
            status, patch = AttemptStatus.AGENT_ERROR, ""
            error = "the patch is not UTF-8, as predictions must be"
        elif _BARE_BINARY.search(patch):  # still predicted as it is: the harness decides
            status, error = AttemptStatus.AGENT_ERROR, "the patch names a binary file without its content"
        return Attempt(
            status=status,
            exit_status=report.exit_status,
            model_patch=patch,
            recovered_patch=recovered,
            recovered_submitted=use_recovered,
            n_calls=report.n_calls,
            n_steps=report.n_steps,
            prompts_sha256=self.prompts_sha256,
            usage=report.usage,
            error=error,
            details={
                **testbed.described,
                **self.details,
                "n_requests": report.n_requests,
                "waited_s": round(report.waited_s, 3),
                "served_model": report.served_model,
            },
        )
