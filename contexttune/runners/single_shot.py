"""One chat completion per instance."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from contexttune.injection import inject
from contexttune.interfaces import Model, Runner
from contexttune.models.wire import ContextWindowExceeded, RequestRefused
from contexttune.repos.git import Tree
from contexttune.repos.workspace import Workspace
from contexttune.runners.reply_patch import DOES_NOT_APPLY, patch_of
from contexttune.system.files import is_utf8, sha256, write_json
from contexttune.types import Attempt, AttemptStatus, Completion, Instance, Message

log = logging.getLogger(__name__)

_SYSTEM = (
    "You fix bugs in software repositories. You are given an issue and answer with a change that resolves it."
)
_ASK = {
    "diff": (
        "Answer with one unified diff against the repository's root, in a ```diff fence, with `--- a/path` and "
        "`+++ b/path` lines and at least three lines of context around each change. Do not change tests."
    ),
    "search_replace": (
        "Answer with one or more edit blocks, each of this form, where SEARCH holds lines that occur exactly once in "
        "the file:\n\npath/to/file.py\n<<<<<<< SEARCH\nlines as they are\n=======\nlines as they should be\n"
        ">>>>>>> REPLACE\n\nDo not change tests."
    ),
}


@dataclass(frozen=True, kw_only=True)
class SingleShot(Runner):
    """Sends issue, context block and file list, and takes a patch that applies to the commit."""

    version: ClassVar[int] = 1
    model: Model
    workspace: Workspace
    name: str = "single_shot"
    edit_format: Literal["diff", "search_replace"] = "diff"
    file_list_budget_chars: int = 20_000

    def rehearse(self, instance: Instance, block: str) -> str:
        return "\n".join(message["content"] for message in self.prompt(instance, block))

    def prompt(self, instance: Instance, block: str) -> list[Message]:
        """The messages of the request. Arms differ in the block only."""
        tree = self.workspace.tree(instance.repo, instance.base_commit)
        parts = [
            inject(block, instance.problem_statement),
            f"The repository `{instance.repo}` holds these files:\n{self._file_list(tree)}",
            _ASK[self.edit_format],
        ]
        return [Message(role="system", content=_SYSTEM), Message(role="user", content="\n\n".join(parts))]

    def run(self, instance: Instance, block: str, out_dir: Path) -> Attempt:
        messages = self.prompt(instance, block)
        try:
            with self.model.recorded(out_dir) as model:
                completion = model.complete(messages)
        except ContextWindowExceeded as error:
            return Attempt(status=AttemptStatus.LIMIT, exit_status="ContextWindowExceeded", error=str(error))
        except RequestRefused as error:
            return Attempt(status=AttemptStatus.EMPTY_PATCH, exit_status="refusal", error=str(error))
        _write_trajectory(out_dir / f"{instance.instance_id}.traj.json", instance, messages, completion)
        return self._attempt(instance, completion)

    def _attempt(self, instance: Instance, completion: Completion) -> Attempt:
        tree = self.workspace.tree(instance.repo, instance.base_commit)
        patch, error = patch_of(tree, completion.text, self.edit_format)
        if not is_utf8(patch):  # predictions are JSON, and the harness reads them as UTF-8
            patch, error = "", "the change touches a file that is not UTF-8"
        status, exit_status = _classify(completion, patch, error)
        return Attempt(
            status=status,
            exit_status=exit_status,
            model_patch="" if status is AttemptStatus.LIMIT else patch,
            n_calls=1,
            prompts_sha256=sha256(_SYSTEM + _ASK[self.edit_format]),
            usage=completion.usage,
            error=error,
            details={"served_model": completion.served_model},
        )

    def _file_list(self, tree: Tree) -> str:
        """Paths within the budget, Python files first."""
        paths = sorted((e.path for e in tree.entries if e.is_file), key=lambda p: (not p.endswith(".py"), p))
        lines: list[str] = []
        left = self.file_list_budget_chars
        for path in paths:
            printable = path.encode("utf-8", "backslashreplace").decode()
            left -= len(printable) + 1
            if left < 0:
                lines.append(f"... and {len(paths) - len(lines)} more")
                break
            lines.append(printable)
        return "\n".join(lines)


def _classify(completion: Completion, patch: str, error: str | None) -> tuple[AttemptStatus, str]:
    if completion.finish_reason == "length":
        return AttemptStatus.LIMIT, "length"
    if error and (not patch.strip() or error == DOES_NOT_APPLY):
        return AttemptStatus.AGENT_ERROR, "patch_does_not_apply"
    if patch.strip():
        return AttemptStatus.SUBMITTED, completion.finish_reason
    if completion.refusal or completion.finish_reason == "content_filter":
        return AttemptStatus.EMPTY_PATCH, "refusal"
    return AttemptStatus.EMPTY_PATCH, "no_patch_in_reply"


def _write_trajectory(
    path: Path, instance: Instance, messages: list[Message], completion: Completion
) -> None:
    answer = {"role": "assistant", "content": completion.text, "refusal": completion.refusal}
    write_json(
        path,
        {
            "instance_id": instance.instance_id,
            "messages": [*map(dict, messages), answer],
            "info": {
                "finish_reason": completion.finish_reason,
                "served_model": completion.served_model,
                "n_requests": completion.n_requests,
            },
        },
    )
