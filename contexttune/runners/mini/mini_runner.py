"""mini-swe-agent's loop in a worker process, for both of its runners."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.errors import ConfigError
from contexttune.injection import inject
from contexttune.models.metering import TokenLimits
from contexttune.runners.agent_report import Report
from contexttune.runners.agent_runner import AgentRunner
from contexttune.runners.mini.protocols import PROTOCOLS, AgentProtocol
from contexttune.runners.mini.silence import keep_quiet
from contexttune.runners.mini.worker import Job, work
from contexttune.runners.supervisor import fork_server, supervise
from contexttune.sandbox.testbed import Testbed
from contexttune.system.files import fingerprint
from contexttune.types import Instance

PRELOAD = "contexttune.runners.mini.preload"


@dataclass(frozen=True, kw_only=True)
class MiniRunner(AgentRunner):
    """Prompts, protocol and limits of mini-swe-agent."""

    protocol: str = "toolcall"  # a name in PROTOCOLS
    v1_prompts: str | None = None
    step_limit: int = 250
    command_timeout_s: int = 60
    completion_tokens_limit: int | None = None
    total_tokens_limit: int | None = None

    def __post_init__(self) -> None:
        if self.protocol not in PROTOCOLS:
            raise ConfigError(f"runner.protocol must be one of {', '.join(PROTOCOLS)}, got {self.protocol}")
        self.require_positive("step_limit", "command_timeout_s")
        super().__post_init__()

    def preflight(self) -> None:
        """Raise PreflightError when the protocol's prompts are not available."""
        super().preflight()
        _ = self._configuration
        fork_server(PRELOAD)

    @property
    def request_parameters(self) -> Mapping[str, Any]:
        """Parameters of each request besides messages and sampling."""
        keep_quiet()
        return self._protocol.parameters()

    @property
    def _protocol(self) -> AgentProtocol:
        return PROTOCOLS[self.protocol]

    @property
    def _configuration(self) -> Mapping[str, Any]:
        """Prompts, templates and variables of the protocol."""
        return self._protocol.configuration(self.workspace.layout, self.v1_prompts)

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of the agent's commands, as mini-swe-agent sets them."""
        return {str(k): str(v) for k, v in self._configuration["environment"]["env"].items()}

    @property
    def login_shell(self) -> bool:
        return self._protocol.login_shell

    @property
    def details(self) -> Mapping[str, Any]:
        described: Mapping[str, Any] = self._configuration.get("described", {})
        return described

    def rehearse(self, instance: Instance, block: str) -> str:
        from jinja2 import StrictUndefined, Template

        agent = self._configuration["agent"]
        task = inject(block, instance.problem_statement)
        rendered = Template(agent["instance_template"], undefined=StrictUndefined).render(task=task)
        return f"{agent['system_template']}\n{rendered}"

    def work(
        self,
        instance: Instance,
        block: str,
        out_dir: Path,
        testbed: Testbed,
        on_report: Callable[[Report], None],
    ) -> Report:
        return supervise(
            work,
            self._job(instance, block, out_dir, testbed),
            preload=PRELOAD,
            wall_limit_s=self.wall_limit_s,
            stop=self._stop,
            on_report=on_report,
        )

    def _prompts(self) -> dict[str, Any]:
        """Agent settings of mini-swe-agent, without limits."""
        agent = self._configuration["agent"]
        own = {key: agent[key] for key in ("system_template", "instance_template")}
        return own | dict(self._protocol.agent_settings)

    @property
    def prompts_sha256(self) -> str:
        templates = {name: text for name, text in self._prompts().items() if name.endswith("_template")}
        return fingerprint([self.protocol, templates, self._configuration["model"]], 64)

    def _job(self, instance: Instance, block: str, out_dir: Path, testbed: Testbed) -> Job:
        limits = {
            "step_limit": self.step_limit,
            "cost_limit": self.cost_limit_usd or 0.0,
            "wall_time_limit_seconds": 0,  # the supervisor's, which leaves out waiting for the endpoint
        }
        return Job(
            instance_id=instance.instance_id,
            task=inject(block, instance.problem_statement),
            trajectory=out_dir / f"{instance.instance_id}.traj.json",
            endpoint=self.model.recorded(out_dir),
            shell=testbed.shell,
            described=testbed.described,
            protocol=self.protocol,
            prompts={"agent": self._prompts() | limits, "model": self._configuration["model"]},
            command_timeout_s=self.command_timeout_s,
            limits=TokenLimits(
                completion_tokens=self.completion_tokens_limit,
                total_tokens=self.total_tokens_limit,
                cost_usd=self.cost_limit_usd,
            ),
            price=self.model_price,
        )
