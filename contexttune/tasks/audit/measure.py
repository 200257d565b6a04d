"""Every context of an audit, measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from contexttune.experiment.cell import Cell
from contexttune.experiment.leaks import BaseText, Leak, leaks
from contexttune.interfaces import RepoAtCommit
from contexttune.repos.file_mentions import Paths
from contexttune.system.progress import Progress
from contexttune.tasks.audit.conditions import Arm, Built
from contexttune.tasks.audit.gold_targets import Gold, gold_of
from contexttune.tasks.audit.recall import Recall, names_a_file, recall
from contexttune.types import GoldInstance


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One context: of a condition, at a budget, for an instance."""

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
    """An instance at its commit, with what is looked for."""

    instance: GoldInstance
    repo: RepoAtCommit
    gold: Gold
    paths: Paths
    base: BaseText


def subject(cell: Cell, instance: GoldInstance) -> Subject:
    """Raises ArtifactError when the commit cannot be had."""
    repo = cell.repository(instance.repo, instance.base_commit)
    paths = Paths.of(entry.path for entry in repo.tree.entries if entry.is_file)
    return Subject(
        instance=instance,
        repo=repo,
        gold=gold_of(instance, repo.tree.text),
        paths=paths,
        base=BaseText(lambda: repo.tree),
    )


def measure(cell: Cell, arms: Sequence[Arm], budgets_chars: Sequence[int]) -> list[Measured]:
    """All of them, by instance, condition and budget; the instances are those of `cell`."""
    found = []
    for arm in arms:
        arm.cell.instances = cell.instances
    with Progress("audit", len(cell.instances)) as progress:
        for instance in cell.instances:
            progress.start(instance.instance_id)
            about = subject(cell, instance)
            own = [one for arm in arms for one in _of(arm, about, budgets_chars)]
            found += own
            n_leaks = sum(not leak.is_expected for one in own for leak in one.leaks)
            progress.finish(instance.instance_id, f"{len(own)} contexts, {n_leaks} leaks", detail=False)
    return found


def _of(arm: Arm, about: Subject, budgets_chars: Sequence[int]) -> Iterator[Measured]:
    known: dict[str, list[Leak]] = {}
    for budget in budgets_chars:
        built = arm.build(about.repo, about.instance, budget)
        if built.text not in known:
            known[built.text] = leaks_in(arm, about, built)
        yield Measured(
            condition=arm.condition,
            budget_chars=budget,
            instance_id=about.instance.instance_id,
            repo=about.instance.repo,
            is_named=names_a_file(about.instance.problem_statement, about.gold),
            n_gold_files=len(about.gold.files),
            n_gold_symbols=about.gold.n_symbols,
            recall=recall(built.text, about.gold, about.paths),
            build_s=built.build_s,
            leaks=known[built.text],
        )


def leaks_in(arm: Arm, about: Subject, built: Built) -> list[Leak]:
    """By `audit.leaks`, which "off" turns off."""
    if arm.cell.config.audit.leaks == "off":
        return []
    return leaks(built.text, about.instance, about.base, needs_gold=arm.cell.gold_context)
