"""Check the contexts of a run for leaks of the answer."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

from contexttune.errors import ArtifactError, ConfigError, PreflightError
from contexttune.experiment.cell import Cell
from contexttune.experiment.leaks import BaseText, Leak, leaks
from contexttune.system.files import write_json

log = logging.getLogger(__name__)

_KINDS = {
    "gold_text": "text of the gold patch",
    "test_text": "text of the test patch",
    "new_path": "a file that the gold or test patch creates",
    "test_name": "a test that does not exist yet",
    "later_commit": "a commit that is not an ancestor of base_commit",
    "number": "the number of the issue or pull request",
}


def check(cell: Cell, blocks: Mapping[str, str]) -> None:
    """Look for leaks in a run's blocks (instance_id -> block) as `audit.leaks` says, and write leaks.json.

    Raises PreflightError for audit.leaks=fail at the first leak that the condition is not meant to have.
    """
    if cell.config.audit.leaks == "off" or not cell.generator.sends_block:
        return
    log.info("checking %d contexts for leaks of the answer", len(cell.instances))
    known: dict[str, list[Leak]] = {}
    for instance in cell.instances:
        base = BaseText(partial(cell.workspace.tree, instance.repo, instance.base_commit))
        try:
            found = leaks(blocks.get(instance.instance_id, ""), instance, base, needs_gold=cell.gold_context)
        except ArtifactError as error:
            raise ConfigError(
                f"slice.dataset: {instance.instance_id} cannot be checked for leaks ({error}): fix the row, or set "
                "audit.leaks=off"
            ) from None
        if found:
            known[instance.instance_id] = found
    if cell.keeps_records:
        _record(cell, known)
    _judge(cell, known)


def complaint(condition: str, instance_id: str, leak: Leak) -> str:
    """A sentence about one leak."""
    what = leak.what if len(leak.what) <= 80 else f"{leak.what[:77]}..."
    return f"condition={condition}: the context of {instance_id} contains {_KINDS[leak.kind]} (line {leak.line}: {what})"


def _record(cell: Cell, known: Mapping[str, list[Leak]]) -> None:
    path = cell.layout.leaks(cell.group_id, cell.run_id)
    if known:
        write_json(path, {name: [asdict(leak) for leak in found] for name, found in known.items()})
    else:
        path.unlink(missing_ok=True)


def _judge(cell: Cell, known: Mapping[str, list[Leak]]) -> None:
    for instance_id, found in known.items():
        for leak in found:
            words = complaint(cell.condition, instance_id, leak)
            if leak.is_expected:
                log.info("%s, as intended", words)
            elif cell.config.audit.leaks == "fail":
                raise PreflightError(f"{words}; set audit.leaks=warn to run anyway")
            else:
                log.warning("%s", words)
