"""What a run does about a context that gives the answer away."""

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
    "new_path": "a file that the answer creates",
    "test_name": "a test that does not exist yet",
    "later_commit": "a commit that is no ancestor of base_commit",
    "number": "the number of the issue or pull request",
}


def check(cell: Cell, blocks: Mapping[str, str]) -> None:
    """Look for leaks in a run's blocks (instance_id -> block), by `audit.leaks`.

    What is found stands in leaks.json of the run. Raises PreflightError for `fail` at the first context that leaks
    what its condition is not for.
    """
    if cell.config.audit.leaks == "off" or not cell.generator.sends_block:
        return
    log.info("looking for leaks of the answer in %d contexts", len(cell.instances))
    known: dict[str, list[Leak]] = {}
    for instance in cell.instances:
        base = BaseText(partial(cell.workspace.tree, instance.repo, instance.base_commit))
        try:
            found = leaks(blocks.get(instance.instance_id, ""), instance, base, needs_gold=cell.gold_context)
        except ArtifactError as error:
            raise ConfigError(
                f"slice.dataset: {instance.instance_id}: {error}, so that leaks of it cannot be looked for: mend the row, or "
                "set audit.leaks=off"
            ) from None
        if found:
            known[instance.instance_id] = found
    if cell.keeps_records:
        _record(cell, known)
    _judge(cell, known)


def complaint(condition: str, instance_id: str, leak: Leak) -> str:
    """What a context gives away, in words."""
    what = leak.what if len(leak.what) <= 80 else f"{leak.what[:77]}..."
    return f"condition={condition}: the context of {instance_id} tells {_KINDS[leak.kind]} (line {leak.line}: {what})"


def _record(cell: Cell, known: Mapping[str, list[Leak]]) -> None:
    """leaks.json is about the contexts that the run has now: one of earlier ones goes."""
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
                log.info("%s, as it is meant to", words)
            elif cell.config.audit.leaks == "fail":
                raise PreflightError(f"{words}; audit.leaks=warn runs it all the same")
            else:
                log.warning("%s", words)
