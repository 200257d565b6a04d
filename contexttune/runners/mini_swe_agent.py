"""mini-swe-agent on a local checkout of the base commit, in bubblewrap: no containers needed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Literal

from contexttune.errors import PreflightError
from contexttune.runners.mini.agent_runner import AgentRunner
from contexttune.runners.mini.worker import Report
from contexttune.sandbox import scratch
from contexttune.sandbox.bubblewrap import find_bwrap
from contexttune.sandbox.testbed import Place, checkout_place
from contexttune.types import Instance


@dataclass(frozen=True, kw_only=True)
class MiniSweAgent(AgentRunner):
    """The agent sees one commit at /testbed, a read-only system, no network, and nothing else of the machine."""

    version: ClassVar[int] = 1
    name: str = "mini_swe_agent"
    sandbox: Literal["bwrap", "none"] = "bwrap"

    def preflight(self) -> None:
        """Raise PreflightError when commands could not be held in a sandbox."""
        if self.sandbox == "bwrap" and find_bwrap() is None:
            raise PreflightError(
                "runner=mini_swe_agent needs bubblewrap, which is missing or refused by the kernel: install bubblewrap, choose "
                "runner=mini_swe_agent_swebench, or, where the machine itself may be lost, runner.sandbox=none"
            )
        super().preflight()

    def sweep(self) -> None:
        """Remove checkouts of this run: no other process is at work on it."""
        scratch.sweep(self.label)

    def place(self, instance: Instance) -> AbstractContextManager[Place]:
        bwrap = find_bwrap() if self.sandbox == "bwrap" else None
        variables = {k: v for k, v in self.variables().items() if k != "BASH_ENV"}
        return checkout_place(self.workspace, instance, self.label, bwrap, variables)

    def submitted(self, report: Report, place: Place) -> str:
        """The tree's difference, whatever the agent printed."""
        return place.diff().decode("utf-8", "surrogateescape")
