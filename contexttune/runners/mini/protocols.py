"""How commands and their outputs travel in a conversation: one class for each `runner.protocol`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

Turn = dict[str, Any]  # a chat message; mini-swe-agent keeps what is not sent under `extra`


class AgentProtocol(ABC):
    """Holds no state: a job carries its name, and the worker looks it up in `PROTOCOLS`."""

    name: ClassVar[str]
    agent_settings: ClassVar[Mapping[str, Any]] = {}  # of mini-swe-agent's loop, beyond prompts and limits

    @abstractmethod
    def configuration(self) -> Mapping[str, Any]:
        """Prompts (`agent`), templates (`model`) and variables of commands (`environment.env`)."""

    def parameters(self) -> dict[str, Any]:
        """What a request carries besides messages and sampling."""
        return {}

    def turn(self, message: Any) -> Turn:
        """The endpoint's message as it is sent back with the next request."""
        return dict(message.model_dump(exclude_none=True)) | {"content": message.content}

    @abstractmethod
    def actions(self, message: Any, finish_reason: str, templates: Mapping[str, str]) -> list[dict[str, Any]]:
        """The commands of the endpoint's message.

        Raises mini-swe-agent's FormatError with the messages to go on with; the first takes the call's costs.
        """

    @abstractmethod
    def observations(
        self,
        turn: Turn,
        outputs: Sequence[dict[str, Any]],
        templates: Mapping[str, str],
        variables: Mapping[str, Any],
    ) -> list[Turn]:
        """The messages that show what the turn's commands did."""


class ToolCalls(AgentProtocol):
    """Any number of calls of the tool `bash` a turn."""

    name = "toolcall"

    def configuration(self) -> Mapping[str, Any]:
        return _packaged("swebench.yaml")

    def parameters(self) -> dict[str, Any]:
        from minisweagent.models.utils.actions_toolcall import BASH_TOOL

        return {"tools": [BASH_TOOL], "parallel_tool_calls": True}

    def actions(self, message: Any, finish_reason: str, templates: Mapping[str, str]) -> list[dict[str, Any]]:
        from minisweagent.models.utils.actions_toolcall import parse_toolcall_actions

        return list(
            parse_toolcall_actions(
                message.tool_calls or [],
                format_error_template=templates["format_error_template"],
                template_kwargs={"finish_reason": finish_reason},
            )
        )

    def observations(
        self,
        turn: Turn,
        outputs: Sequence[dict[str, Any]],
        templates: Mapping[str, str],
        variables: Mapping[str, Any],
    ) -> list[Turn]:
        from minisweagent.models.utils.actions_toolcall import format_toolcall_observation_messages

        return list(
            format_toolcall_observation_messages(
                actions=turn.get("extra", {}).get("actions", []),
                outputs=list(outputs),
                observation_template=templates["observation_template"],
                template_vars=dict(variables),
            )
        )


class Backticks(AgentProtocol):
    """One fenced block of text a turn, for models without tool calls."""

    name = "backticks"

    def configuration(self) -> Mapping[str, Any]:
        packaged = _packaged("swebench_backticks.yaml")
        # mini-swe-agent's own default of its text protocol, which its YAML leaves out
        regex = r"```mswea_bash_command\s*\n(.*?)\n```"
        return {**packaged, "model": {"action_regex": regex, **packaged["model"]}}

    def actions(self, message: Any, finish_reason: str, templates: Mapping[str, str]) -> list[dict[str, Any]]:
        from minisweagent.models.utils.actions_text import parse_regex_actions

        return list(
            parse_regex_actions(
                message.content or "",
                action_regex=templates["action_regex"],
                format_error_template=templates["format_error_template"],
                template_kwargs={"finish_reason": finish_reason},
            )
        )

    def observations(
        self,
        turn: Turn,
        outputs: Sequence[dict[str, Any]],
        templates: Mapping[str, str],
        variables: Mapping[str, Any],
    ) -> list[Turn]:
        from minisweagent.models.utils.actions_text import format_observation_messages

        return list(
            format_observation_messages(
                list(outputs),
                observation_template=templates["observation_template"],
                template_vars=dict(variables),
            )
        )


PROTOCOLS: Mapping[str, AgentProtocol] = {made.name: made for made in (ToolCalls(), Backticks())}


@cache
def _packaged(name: str) -> dict[str, Any]:
    """mini-swe-agent's own configuration, from its package and nowhere else.

    Found without importing the package, which would print and make a directory.
    """
    import yaml

    spec = find_spec("minisweagent")
    assert spec is not None
    assert spec.origin is not None
    path = Path(spec.origin).parent / "config" / "benchmarks" / name
    configured: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    # its text protocol forgets the testbed's own Python, which its tool-call protocol activates this way
    configured["environment"]["env"].setdefault("BASH_ENV", "/root/.bashrc")
    return configured
