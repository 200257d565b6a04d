"""mini-swe-agent's environment protocol over a shell: observations, and the submission."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from contexttune.sandbox.shells import Shell
from contexttune.system import subprocesses

MAGIC = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"  # the first line of a submission, by mini-swe-agent's rule
TIMED_OUT = "TimeoutExpired"  # mini-swe-agent's word for why there is no exit status


@dataclass(frozen=True, kw_only=True)
class ShellEnvironment:
    """What the agent loop calls. Raises mini-swe-agent's Submitted when an output is a submission."""

    shell: Shell
    timeout_s: int
    described: dict[str, Any]  # what the trajectory says of it
    magic_lines: tuple[str, ...] = (MAGIC,)
    config: Any = None  # the protocol has one; nothing of ours is in it

    def execute(self, action: dict[str, Any], cwd: str = "", *, timeout: int | None = None) -> dict[str, Any]:
        """Run `action["command"]` and shape its end as an observation."""
        ended = self.shell.run(str(action.get("command", "")), timeout or self.timeout_s)
        submitted = submission_of(ended, self.magic_lines)
        if submitted is not None:
            from minisweagent.exceptions import Submitted

            extra = {"exit_status": "Submitted", "submission": submitted}
            raise Submitted({"role": "exit", "content": submitted, "extra": extra})
        return observation(ended, timeout or self.timeout_s)

    def get_template_vars(self, **kwargs: Any) -> dict[str, Any]:
        """Nothing of this machine may reach a prompt."""
        return kwargs

    def serialize(self) -> dict[str, Any]:
        return {"info": {"config": {"environment": self.described, "environment_type": type(self).__name__}}}


def observation(ended: subprocesses.Ended, timeout_s: int) -> dict[str, Any]:
    """The dict that mini-swe-agent's templates render."""
    text = ended.output.decode("utf-8", "replace")
    trouble, extra = "", {}
    # as mini-swe-agent's pipe does; what came before a time-out it takes as bytes, line ends untouched
    if not ended.timed_out:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if ended.timed_out:
        trouble = f"An error occurred while executing the command: it timed out after {timeout_s} seconds"
        extra = {"exception_type": TIMED_OUT}
    elif ended.too_long:
        trouble = "An error occurred while executing the command: it printed too much and was stopped"
    status = -1 if trouble else ended.status
    return {"output": text, "returncode": status, "exception_info": trouble, "extra": extra}


def submission_of(ended: subprocesses.Ended, magic_lines: Collection[str]) -> str | None:
    """The text after a magic line of a command that succeeded, byte for byte (surrogate-escaped)."""
    if ended.status != 0 or ended.timed_out or ended.too_long:
        return None
    first, _, rest = ended.output.lstrip().partition(b"\n")
    if first.strip().decode("utf-8", "replace") not in magic_lines:
        return None
    return rest.decode("utf-8", "surrogateescape")
