"""Measures every context of an audit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contexttune.experiment.cell import Cell
from contexttune.experiment.leaks import BaseText, Leak, leaks
from contexttune.interfaces import RepoAtCommit
from contexttune.repos.file_mentions import Paths
from contexttune.system.progress import Progress
from contexttune.tasks.audit.conditions import Arm, Built
from contexttune.tasks.audit.gold_targets import GoldTargets, find_gold
from contexttune.tasks.audit.recall import Recall, names_a_file, recall
from contexttune.types import GoldInstance


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """The context of a condition at a budget, for an instance."""

    condition: str
    budget_chars: int
    instance_id: str
    repo: str
    is_named: bool  # whether the issue names a gold file
    n_gold_files: int
    n_gold_symbols: int
    recall: Recall
    build_s: float
    leaks: Sequence[Leak]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An instance at its commit, with its gold targets."""

    instance: GoldInstance
    repo: RepoAtCommit
    gold: GoldTargets
    paths: Paths
    base: BaseText


def prepare(cell: Cell, instance: GoldInstance) -> Subject:
    """Read the commit and the gold targets of an instance. Raises ArtifactError when the commit cannot be read."""
    repo = cell.repository(instance.repo, instance.base_commit)
    paths = Paths.of(entry.path for entry in repo.tree.entries if entry.is_file)
    return Subject(
        instance=instance,
        repo=repo,
        gold=find_gold(instance, repo.tree.text),
        paths=paths,
        base=BaseText(lambda: repo.tree),
    )


def measure(cell: Cell, arms: Sequence[Arm], budgets_chars: Sequence[int]) -> list[Measurement]:
    """Measure all arms on the instances of `cell`, ordered by instance, condition and budget."""
    found = []
    for arm in arms:
        arm.cell.instances = cell.instances
    with Progress("audit", len(cell.instances)) as progress:
        for instance in cell.instances:
            progress.start(instance.instance_id)
            subject = prepare(cell, instance)
            own = [one for arm in arms for one in _measure(arm, subject, budgets_chars)]
            found += own
            n_leaks = sum(not leak.is_expected for one in own for leak in one.leaks)
            progress.finish(instance.instance_id, f"{len(own)} contexts, {n_leaks} leaks", detail=False)
    return found


def _measure(arm: Arm, subject: Subject, budgets_chars: Sequence[int]) -> Iterator[Measurement]:
    known: dict[str, list[Leak]] = {}
    for budget in budgets_chars:
        built = arm.build(subject.repo, subject.instance, budget)
        if built.text not in known:
            known[built.text] = find_leaks(arm, subject, built)
        yield Measurement(
            condition=arm.condition,
            budget_chars=budget,
            instance_id=subject.instance.instance_id,
            repo=subject.instance.repo,
            is_named=names_a_file(subject.instance.problem_statement, subject.gold),
            n_gold_files=len(subject.gold.files),
            n_gold_symbols=subject.gold.n_symbols,
            recall=recall(built.text, subject.gold, subject.paths),
            build_s=built.build_s,
            leaks=known[built.text],
        )


def find_leaks(arm: Arm, subject: Subject, built: Built) -> list[Leak]:
    """Leaks in a context; [] with audit.leaks=off."""
    if arm.cell.config.audit.leaks == "off":
        return []
    return leaks(built.text, subject.instance, subject.base, needs_gold=arm.cell.gold_context)
