"""The evaluation stage: grades the predictions that have no verdict yet."""

from __future__ import annotations

import logging

from contexttune.experiment.cell import Cell
from contexttune.system.files import write_json

log = logging.getLogger(__name__)


def evaluate(cell: Cell) -> None:
    """Have the harness grade the run's predictions, and write outcomes.json."""
    done = cell.finished_work
    patches = done.patches()
    predicted = [i for i in cell.instances if i.instance_id in patches]
    if not predicted:
        log.info("evaluate: there is no prediction yet")
        return
    if not done.ungraded(predicted):
        log.info("evaluate: %d of %d instances already have a verdict", len(predicted), len(cell.instances))
        return
    outcomes = cell.harness.evaluate(done.predictions, predicted, done.outcomes.parent / "harness")
    rows = {name: {"outcome": o.value, "patch_sha256": patches[name]} for name, o in outcomes.items()}
    write_json(done.outcomes, rows)
