"""mini-swe-agent on a local checkout of the base commit, in bubblewrap: no containers needed."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Literal

from contexttune.errors import PreflightError
from contexttune.runners.agent_report import Report
from contexttune.runners.mini.mini_runner import MiniRunner
from contexttune.sandbox import scratch
from contexttune.sandbox.bubblewrap import find_bwrap
from contexttune.sandbox.engine import Limits
from contexttune.sandbox.patch_collection import Patch
from contexttune.sandbox.testbed import Testbed, checkout_testbed
from contexttune.types import Instance


@dataclass(frozen=True, kw_only=True)
class MiniSweAgent(MiniRunner):
    """The agent sees one commit at /testbed, a read-only system, no network, and nothing else of the machine."""

    version: ClassVar[int] = 1
    name: str = "mini_swe_agent"
    sandbox: Literal["bwrap", "none"] = "bwrap"
    memory_gb: float | None = 8.0  # of a command, in bubblewrap only
    pids_limit: int | None = 2048

    def preflight(self) -> None:
        """Raise PreflightError when there is no sandbox, or prompts are missing."""
        if self.sandbox == "bwrap" and find_bwrap() is None:
            raise PreflightError(
                "runner=mini_swe_agent needs bubblewrap and libseccomp 2, which are missing or refused by the kernel: install them, choose "
                "runner=mini_swe_agent_swebench, or, on a disposable machine, runner.sandbox=none"
            )
        super().preflight()

    def sweep(self) -> None:
        scratch.sweep(self.label)

    def testbed(self, instance: Instance) -> AbstractContextManager[Testbed]:
        bwrap = find_bwrap() if self.sandbox == "bwrap" else None
        variables = {k: v for k, v in self.variables.items() if k != "BASH_ENV"}
        limits = Limits(memory_gb=self.memory_gb, pids_limit=self.pids_limit)
        return checkout_testbed(
            self.workspace, instance, self.label, bwrap, self._stop, variables=variables, limits=limits
        )

    def submitted(self, report: Report, testbed: Testbed) -> Patch:
        """The tree's diff, whatever the agent printed."""
        return testbed.diff()
