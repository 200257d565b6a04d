"""The evaluate stage: grades the predictions that have no verdict yet."""

from __future__ import annotations

import logging

from contexttune.experiment.cell import Cell
from contexttune.system.files import read_json, read_jsonl, sha256, write_json
from contexttune.types import Outcome

log = logging.getLogger(__name__)


def evaluate(cell: Cell) -> None:
    """Grade the predictions that have no verdict on exactly this patch."""
    home = cell.layout.run(cell.group_id, cell.run_id)
    predictions = cell.layout.predictions(cell.group_id, cell.run_id)
    patches = {row["instance_id"]: sha256(row["model_patch"]) for row in read_jsonl(predictions)}
    known = read_json(home / "outcomes.json") or {}
    graded = {
        n
        for n, o in known.items()
        if o["patch_sha256"] == patches.get(n) and Outcome(o["outcome"]).is_verdict
    }
    targets = [i for i in cell.instances if i.instance_id in patches]
    if not targets:
        log.info("evaluate: there is no prediction yet")
        return
    if all(i.instance_id in graded for i in targets):
        log.info("evaluate: %d of %d instances have their verdict already", len(targets), len(cell.instances))
        return
    outcomes = cell.harness.evaluate(predictions, targets, home / "harness")
    rows = {name: {"outcome": o.value, "patch_sha256": patches[name]} for name, o in outcomes.items()}
    write_json(home / "outcomes.json", rows)
