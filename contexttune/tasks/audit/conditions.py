"""The conditions of an audit, each composed as for a run."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

from omegaconf import OmegaConf

from contexttune.config.build import target_class
from contexttune.config.user_errors import as_user_error
from contexttune.contexts import context_files
from contexttune.errors import ConfigError
from contexttune.experiment.cell import Cell
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.tasks.audit.recall import cut
from contexttune.types import GoldInstance, Instance

_CONDITION_OVERRIDE = re.compile(r"[+~]*(?:condition\b|card@condition\b|[\w/]+@condition\b)")


def compose_arms(cell: Cell, names: Sequence[str] | None, overrides: Sequence[str]) -> list[Arm]:
    """An arm for each name, or for the configured condition alone.

    The configured condition keeps its overrides. The others are composed with the `overrides` of the command line that
    are not about a condition. Raises ConfigError for an unknown name, or one given twice.
    """
    if names is None:
        return [Arm(cell)]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"audit.conditions={list(names)} must name conditions, each of them once")
    shared = [override for override in overrides if not _CONDITION_OVERRIDE.match(override)]
    composed = [{} if name == cell.condition else _composed(name, shared) for name in names]
    return [Arm(Cell(cell.config, {**cell.container, **own})) for own in composed]


def require_reference(cell: Cell, arms: Sequence[Arm]) -> None:
    """Raise ConfigError when `audit.reference` is not one of the conditions."""
    reference, names = cell.config.audit.reference, [arm.condition for arm in arms]
    if reference is not None and reference not in names:
        raise ConfigError(
            f"audit.reference={reference} must be one of the audit's conditions: {', '.join(names)}"
        )


def with_signals(cell: Cell, arms: Sequence[Arm]) -> Cell:
    """`cell` with the signals that any of the arms needs."""
    signals = {name: node for arm in arms for name, node in arm.cell.container["signal"].items()}
    return _with(cell, signal=signals)


def _with(cell: Cell, **nodes: Any) -> Cell:
    """`cell` with some parts replaced, for the same instances."""
    changed = Cell(cell.config, {**cell.container, **nodes})
    changed.instances = cell.instances
    return changed


def _composed(name: str, shared: Sequence[str]) -> dict[str, Any]:
    """The nodes `condition` and `signal` of a run with that condition."""
    from hydra import compose
    from hydra.errors import HydraException

    try:
        composed = compose("config", overrides=[*shared, f"condition={name}"])
    except HydraException as error:
        raise ConfigError(f"audit.conditions: {name!r} is not a condition: {as_user_error(error)}") from None
    return {
        key: OmegaConf.to_container(composed[key], resolve=True, enum_to_str=True)
        for key in ("condition", "signal")
    }


@dataclass(frozen=True, kw_only=True)
class Built:
    """A context built for a budget. `build_s` does not include the extraction of signals."""

    text: str
    build_s: float


@dataclass
class Arm:
    """One condition of the audit, at any budget."""

    cell: Cell
    _built: dict[tuple[str, int | None], Built] = field(default_factory=dict)
    _generators: dict[int | None, ContextGenerator] = field(default_factory=dict)

    @property
    def condition(self) -> str:
        return self.cell.condition

    @cached_property
    def budget_keys(self) -> Mapping[str, Any]:
        """Keys of a budget in characters, and their values; None stands for the budget.

        {} for conditions without a budget, and for documents, since each budget would need another document.
        """
        if self.cell.wants_documents:
            return {}
        known = {f.name for f in fields(target_class(self.cell.container["condition"], "condition"))}
        if "total_budget_chars" in known:
            return {"total_budget_chars": None}
        return {"budget": None, "budget_unit": "chars"} if {"budget", "budget_unit"} <= known else {}

    def generator(self, budget_chars: int | None) -> ContextGenerator:
        """The generator with a budget, if it has one; with None, the generator as configured."""
        wanted = budget_chars if self.budget_keys else None
        if wanted not in self._generators:
            own = {key: wanted if value is None else value for key, value in self.budget_keys.items()}
            node = {**self.cell.container["condition"], **(own if wanted is not None else {})}
            self._generators[wanted] = _with(self.cell, condition=node).generator
        return self._generators[wanted]

    def build(self, repo: RepoAtCommit, instance: GoldInstance, budget_chars: int | None) -> Built:
        """The context of an instance, cut if the condition has no budget; one per commit is built once."""
        generator = self.generator(budget_chars)
        subject = instance.instance_id if generator.per_instance else f"{repo.repo}@{repo.base_commit}"
        key = (subject, budget_chars if self.budget_keys else None)
        if key not in self._built:
            began = time.perf_counter()
            text = context_files.built(generator, repo, self._visible(generator, instance)).text
            self._built[key] = Built(text=text, build_s=time.perf_counter() - began)
        built = self._built[key]
        return built if budget_chars is None else replace(built, text=cut(built.text, budget_chars))

    def reasons(self, repo: RepoAtCommit, instance: GoldInstance) -> list[str]:
        """The reason for each line of the configured context, as far as the generator knows."""
        generator = self.generator(None)
        return list(generator.reasons(repo, self._visible(generator, instance)))

    def _visible(self, generator: ContextGenerator, instance: GoldInstance) -> Instance | None:
        """The instance as the generator may see it; None if it needs none."""
        return self.cell.as_shown(instance) if generator.per_instance else None
