"""What is looked at, in this order. A further check is one function and one line here."""

from __future__ import annotations

from contexttune.experiment.cell import Cell
from contexttune.tasks.check import Check
from contexttune.tasks.doctor import configured_run, machine

CHECKS: tuple[Check[Cell], ...] = (
    Check(what="packages", look=machine.packages),
    Check(what="git", look=machine.git_command),
    Check(what="directory", look=machine.directories),
    Check(what="dataset", look=configured_run.dataset),
    Check(what="repositories", look=configured_run.repositories, needs=("git", "dataset")),
    Check(what="condition", look=configured_run.condition, needs=("dataset",)),
    Check(what="runner", look=configured_run.runner),
    Check(what="model", look=configured_run.model),
    Check(what="answer", look=configured_run.answer, needs=("runner", "model")),
    Check(what="harness", look=configured_run.harness, needs=("dataset",)),
    Check(what="images", look=configured_run.images, needs=("dataset", "runner", "harness")),
)
