"""mini-swe-agent in the instance's SWE-bench image, as `mini-extra swebench` runs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from contexttune.runners.agent_report import Report
from contexttune.runners.container_runner import ContainerRunner
from contexttune.runners.mini.mini_runner import MiniRunner
from contexttune.sandbox.patch_collection import Patch
from contexttune.sandbox.testbed import Testbed


@dataclass(frozen=True, kw_only=True)
class MiniSweAgentSwebench(MiniRunner, ContainerRunner):
    """Runs the agent's commands in a container of the instance's image."""

    version: ClassVar[int] = 1
    name: str = "mini_swe_agent_swebench"

    def submitted(self, report: Report, testbed: Testbed) -> Patch:
        """What the agent printed after the magic line, which mini-swe-agent takes as the patch."""
        return Patch(report.submission)
