"""Formats of commands and their outputs in a conversation: one class for each `runner.protocol`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from contexttune.paths import Layout
from contexttune.runners.mini.environment import MAGIC, TIMED_OUT
from contexttune.runners.mini.v1_prompts import v1_prompts

Turn = dict[str, Any]  # a chat message; mini-swe-agent stores what is not sent under `extra`
Outputs = Sequence[dict[str, Any]]  # observations of ShellEnvironment
Texts = Mapping[str, str]
Values = Mapping[str, Any]


class AgentProtocol(ABC):
    """Stateless: a job has its name, and the worker looks it up in `PROTOCOLS`."""

    name: ClassVar[str]
    agent_settings: ClassVar[Mapping[str, Any]] = {}  # of mini-swe-agent's loop, except prompts and limits
    magic_lines: ClassVar[tuple[str, ...]] = (MAGIC,)  # first lines of a submission
    login_shell: ClassVar[bool] = False  # whether commands in a container run in a login shell

    @abstractmethod
    def configuration(self, layout: Layout, given: str | None) -> Mapping[str, Any]:
        """Prompts (`agent`), templates (`model`) and environment variables of commands (`environment.env`).

        `described`, if present, goes to the attempt's record. `given` is `runner.v1_prompts`.
        """

    def parameters(self) -> dict[str, Any]:
        """Parameters of a request besides messages and sampling."""
        return {}

    def turn(self, message: Any) -> Turn:
        """The endpoint's message, as the next request contains it."""
        return dict(message.model_dump(exclude_none=True)) | {"role": "assistant", "content": message.content}

    @abstractmethod
    def actions(self, message: Any, finish_reason: str, templates: Texts) -> list[dict[str, Any]]:
        """The commands in the endpoint's message.

        Raises mini-swe-agent's FormatError with the messages to continue with, the first of which gets the call's cost.
        """

    @abstractmethod
    def observations(self, turn: Turn, outputs: Outputs, templates: Texts, variables: Values) -> list[Turn]:
        """The messages with the output of the turn's commands."""


class ToolCalls(AgentProtocol):
    """Calls of the tool `bash`, any number in a turn."""

    name = "toolcall"

    def configuration(self, layout: Layout, given: str | None) -> Mapping[str, Any]:
        return _packaged("swebench.yaml")

    def parameters(self) -> dict[str, Any]:
        from minisweagent.models.utils.actions_toolcall import BASH_TOOL

        return {"tools": [BASH_TOOL], "parallel_tool_calls": True}

    def actions(self, message: Any, finish_reason: str, templates: Texts) -> list[dict[str, Any]]:
        from minisweagent.models.utils.actions_toolcall import parse_toolcall_actions

        return parse_toolcall_actions(
            message.tool_calls or [],
            format_error_template=templates["format_error_template"],
            template_kwargs={"finish_reason": finish_reason},
        )

    def observations(self, turn: Turn, outputs: Outputs, templates: Texts, variables: Values) -> list[Turn]:
        from minisweagent.models.utils.actions_toolcall import format_toolcall_observation_messages

        return format_toolcall_observation_messages(
            actions=turn.get("extra", {}).get("actions", []),
            outputs=list(outputs),
            observation_template=templates["observation_template"],
            template_vars=dict(variables),
        )


class Backticks(AgentProtocol):
    """One fenced block in a turn, for models without tool calls."""

    name = "backticks"

    def configuration(self, layout: Layout, given: str | None) -> Mapping[str, Any]:
        packaged = _packaged("swebench_backticks.yaml")
        # the default of mini-swe-agent's text protocol, which is not in its YAML
        regex = r"```mswea_bash_command\s*\n(.*?)\n```"
        return {**packaged, "model": {"action_regex": regex, **packaged["model"]}}

    def actions(self, message: Any, finish_reason: str, templates: Texts) -> list[dict[str, Any]]:
        from minisweagent.models.utils.actions_text import parse_regex_actions

        return parse_regex_actions(
            message.content or "",
            action_regex=templates["action_regex"],
            format_error_template=templates["format_error_template"],
            template_kwargs={"finish_reason": finish_reason},
        )

    def observations(self, turn: Turn, outputs: Outputs, templates: Texts, variables: Values) -> list[Turn]:
        from minisweagent.models.utils.actions_text import format_observation_messages

        return format_observation_messages(
            list(outputs),
            observation_template=templates["observation_template"],
            template_vars=dict(variables),
        )


class V1(Backticks):
    """The text protocol of mini-swe-agent 1.17.5, message for message."""

    name = "v1"
    agent_settings: ClassVar[Mapping[str, Any]] = {"max_consecutive_format_errors": 0}  # no limit
    magic_lines = (MAGIC, "MINI_SWE_AGENT_FINAL_OUTPUT")
    login_shell = True

    def configuration(self, layout: Layout, given: str | None) -> Mapping[str, Any]:
        prompts = v1_prompts(layout.prompts("mini-swe-agent-1.17.5"), given)
        agent = prompts.agent
        names = ("action_regex", "format_error_template", "timeout_template")
        return {
            "agent": agent,
            "model": {
                "observation_template": agent["action_observation_template"],
                **{name: agent[name] for name in names},
            },
            "environment": {"env": prompts.variables},
            "described": {"v1_prompts_sha256": prompts.sha256},
        }

    def turn(self, message: Any) -> Turn:
        """Text only, without a model's reasoning."""
        return {"role": "assistant", "content": message.content or ""}

    def actions(self, message: Any, finish_reason: str, templates: Texts) -> list[dict[str, Any]]:
        from minisweagent.exceptions import FormatError

        try:
            return super().actions(message, finish_reason, templates)
        except FormatError as error:  # 2.x would drop the malformed turn
            error.messages = (self.turn(message) | {"extra": {}}, *error.messages)
            raise

    def observations(self, turn: Turn, outputs: Outputs, templates: Texts, variables: Values) -> list[Turn]:
        """Commands that timed out have a template of their own."""
        from jinja2 import StrictUndefined, Template

        shown = super().observations(turn, outputs, templates, variables)
        for message, output, action in zip(shown, outputs, turn["extra"]["actions"], strict=True):
            if output.get("extra", {}).get("exception_type") == TIMED_OUT:
                template = Template(templates["timeout_template"], undefined=StrictUndefined)
                named = {"action": action["command"], "content": turn["content"]}
                message["content"] = template.render(action=named, output=output["output"], **variables)
        return shown


PROTOCOLS: Mapping[str, AgentProtocol] = {made.name: made for made in (ToolCalls(), Backticks(), V1())}


@cache
def _packaged(name: str) -> dict[str, Any]:
    """A configuration from mini-swe-agent's package, without importing it: that prints and creates a directory."""
    import yaml

    spec = find_spec("minisweagent")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "config" / "benchmarks" / name
    configured: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    # activates the testbed's Python, which mini-swe-agent configures for its tool-call protocol only
    configured["environment"]["env"].setdefault("BASH_ENV", "/root/.bashrc")
    return configured
