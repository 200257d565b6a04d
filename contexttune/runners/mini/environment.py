"""mini-swe-agent's environment interface over a shell."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from contexttune.sandbox.shells import Shell
from contexttune.system.subprocesses import ExecResult

MAGIC = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"  # the first line of a submission, in mini-swe-agent's prompts
TIMED_OUT = "TimeoutExpired"  # mini-swe-agent's `exception_type` of a command without an exit status


@dataclass(frozen=True, kw_only=True)
class ShellEnvironment:
    """Runs the commands of mini-swe-agent's loop."""

    shell: Shell
    timeout_s: int
    described: dict[str, Any]  # described in the trajectory
    magic_lines: tuple[str, ...] = (MAGIC,)
    config: Any = None  # required by mini-swe-agent, unused

    def execute(self, action: dict[str, Any], cwd: str = "", *, timeout: int | None = None) -> dict[str, Any]:
        """Run `action["command"]` and return its observation. Raises mini-swe-agent's Submitted for a submission."""
        result = self.shell.run(str(action.get("command", "")), timeout or self.timeout_s)
        submitted = submission_of(result, self.magic_lines)
        if submitted is not None:
            from minisweagent.exceptions import Submitted

            extra = {"exit_status": "Submitted", "submission": submitted}
            raise Submitted({"role": "exit", "content": submitted, "extra": extra})
        return observation(result, timeout or self.timeout_s)

    def get_template_vars(self, **kwargs: Any) -> dict[str, Any]:
        """Only what is passed in: nothing about this machine may get into a prompt."""
        return kwargs

    def serialize(self) -> dict[str, Any]:
        return {"info": {"config": {"environment": self.described, "environment_type": type(self).__name__}}}


def observation(result: ExecResult, timeout_s: int) -> dict[str, Any]:
    """The dict that mini-swe-agent's templates render."""
    text = result.output.decode("utf-8", "replace")
    problem, extra = "", {}
    # like mini-swe-agent, which reads a pipe in text mode, but takes the output before a timeout as bytes
    if not result.timed_out:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if result.timed_out:
        problem = f"An error occurred while executing the command: it timed out after {timeout_s} seconds"
        extra = {"exception_type": TIMED_OUT}
    elif result.truncated:
        problem = "An error occurred while executing the command: it printed too much and was stopped"
    elif result.exceeded:
        problem = f"An error occurred while executing the command: {result.exceeded} and was stopped"
    status = -1 if problem else result.returncode
    return {"output": text, "returncode": status, "exception_info": problem, "extra": extra}


def submission_of(result: ExecResult, magic_lines: Collection[str]) -> str | None:
    """The output after a magic line if the command succeeded, byte for byte (surrogate-escaped)."""
    if result.returncode != 0:
        return None
    first, _, rest = result.output.lstrip().partition(b"\n")
    if first.strip().decode("utf-8", "replace") not in magic_lines:
        return None
    return rest.decode("utf-8", "surrogateescape")
