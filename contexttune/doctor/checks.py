"""What is looked at, in this order. A further check is one function and one line here."""

from __future__ import annotations

from contexttune.doctor import experiment, machine
from contexttune.experiment.cell import Cell
from contexttune.tasks.check import Check

CHECKS: tuple[Check[Cell], ...] = (
    Check(what="packages", look=machine.packages),
    Check(what="git", look=machine.git_command),
    Check(what="directory", look=machine.directories),
    Check(what="dataset", look=experiment.dataset),
    Check(what="repositories", look=experiment.repositories, needs=("git", "dataset")),
    Check(what="condition", look=experiment.condition, needs=("dataset",)),
    Check(what="runner", look=experiment.runner),
    Check(what="model", look=experiment.model),
    Check(what="answer", look=experiment.answer, needs=("runner", "model")),
    Check(what="harness", look=experiment.harness, needs=("dataset",)),
    Check(what="images", look=experiment.images, needs=("dataset", "runner", "harness")),
)
