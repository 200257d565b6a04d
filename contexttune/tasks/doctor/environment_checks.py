"""The checks of task=doctor, in order. To add one, write a function and add a line here."""

from __future__ import annotations

from contexttune.experiment.cell import Cell
from contexttune.tasks.check import Check
from contexttune.tasks.doctor import configured_run, machine

CHECKS: tuple[Check[Cell], ...] = (
    Check(name="packages", run=machine.packages),
    Check(name="git", run=machine.git_command),
    Check(name="directory", run=machine.directories),
    Check(name="dataset", run=configured_run.dataset),
    Check(name="repositories", run=configured_run.repositories, needs=("git", "dataset")),
    Check(name="condition", run=configured_run.condition, needs=("dataset",)),
    Check(name="runner", run=configured_run.runner),
    Check(name="model", run=configured_run.model),
    Check(name="answer", run=configured_run.answer, needs=("runner", "model")),
    Check(name="harness", run=configured_run.harness, needs=("dataset",)),
    Check(name="images", run=configured_run.images, needs=("dataset", "runner", "harness")),
)
