"""The conditions that an audit looks at, each composed as a run of it would be."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from omegaconf import OmegaConf

from contexttune.config.build import target_class
from contexttune.config.user_errors import as_user_error
from contexttune.errors import ConfigError
from contexttune.experiment.cell import Cell
from contexttune.interfaces import ContextGenerator, RepoAtCommit
from contexttune.tasks.audit.recall import cut
from contexttune.types import Context, GoldInstance, Instance

_OF_A_CONDITION = re.compile(r"[+~]*(?:condition\b|card@condition\b|[\w/]+@condition\b)")


def arms_of(cell: Cell, names: Sequence[str] | None, typed: Sequence[str]) -> list[Arm]:
    """One for each name, or the configured condition alone; it keeps what was typed for it, others are as shipped.

    `typed` are the command line's overrides, which the other conditions are composed with too.
    Raises ConfigError for a name that is no condition, or stands there twice.
    """
    if names is None:
        return [Arm(cell)]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"audit.conditions={list(names)} must name conditions, each once")
    shared = [override for override in typed if not _OF_A_CONDITION.match(override)]
    arms = []
    for name in names:
        own = {} if name == cell.condition else _composed(name, shared)
        arms.append(Arm(Cell(cell.config, {**cell.container, **own})))
    return arms


def require_reference(cell: Cell, arms: Sequence[Arm]) -> None:
    """Raises ConfigError when `audit.reference` is none of the conditions."""
    reference, names = cell.config.audit.reference, [arm.condition for arm in arms]
    if reference is not None and reference not in names:
        raise ConfigError(
            f"audit.reference={reference} must be one of the audit's conditions: {', '.join(names)}"
        )


def with_signals(cell: Cell, arms: Sequence[Arm]) -> Cell:
    """`cell`, with the signals of all arms: a condition may bring one that no other needs."""
    wanted = {name: node for arm in arms for name, node in arm.cell.container["signal"].items()}
    merged = Cell(cell.config, {**cell.container, "signal": wanted})
    merged.instances = cell.instances
    return merged


def _composed(name: str, shared: Sequence[str]) -> dict[str, Any]:
    """The nodes `condition` and `signal` of a run of that condition."""
    from hydra import compose
    from hydra.errors import HydraException

    try:
        composed = compose("config", overrides=[*shared, f"condition={name}"])
    except HydraException as error:
        raise ConfigError(
            f"audit.conditions: {name!r} is no option of condition: {as_user_error(error)}"
        ) from None
    return {
        key: OmegaConf.to_container(composed[key], resolve=True, enum_to_str=True)
        for key in ("condition", "signal")
    }


@dataclass(frozen=True, kw_only=True)
class Built:
    """A context as built for a budget; `build_s` is what the generator took, its signals being there already."""

    context: Context
    text: str
    build_s: float


@dataclass
class Arm:
    """One condition, at any budget."""

    cell: Cell
    _built: dict[tuple[str, int | None], Built] = field(default_factory=dict)
    _generators: dict[int | None, ContextGenerator] = field(default_factory=dict)

    @property
    def condition(self) -> str:
        return self.cell.condition

    @cached_property
    def budget_keys(self) -> Mapping[str, Any]:
        """The keys that set a budget in characters, that of the budget first.

        {} for a condition without one, and for one that a model writes: each budget would be another document.
        """
        if self.cell.wants_documents:
            return {}
        known = {f.name for f in fields(target_class(self.cell.container["condition"], "condition"))}
        if "total_budget_chars" in known:
            return {"total_budget_chars": None}
        return {"budget": None, "budget_unit": "chars"} if {"budget", "budget_unit"} <= known else {}

    def generator(self, budget_chars: int | None) -> ContextGenerator:
        """With that budget where the condition has one; None: with its own settings."""
        wanted = budget_chars if self.budget_keys else None
        if wanted not in self._generators:
            own = {key: wanted if value is None else value for key, value in self.budget_keys.items()}
            node = {**self.cell.container["condition"], **(own if wanted is not None else {})}
            sized = Cell(self.cell.config, {**self.cell.container, "condition": node})
            sized.instances = self.cell.instances
            self._generators[wanted] = sized.generator
        return self._generators[wanted]

    def build(self, repo: RepoAtCommit, instance: GoldInstance, budget_chars: int | None) -> Built:
        """Its context of an instance, cut where it has no budget of its own; once a commit where that is enough."""
        generator = self.generator(budget_chars)
        of = instance.instance_id if generator.per_instance else f"{repo.repo}@{repo.base_commit}"
        key = (of, budget_chars if self.budget_keys else None)
        if key not in self._built:
            self._built[key] = self._build(generator, repo, instance)
        built = self._built[key]
        text = built.text if budget_chars is None else cut(built.text, budget_chars)
        return Built(context=built.context, text=text, build_s=built.build_s)

    def reasons(self, repo: RepoAtCommit, instance: GoldInstance) -> list[str]:
        """Why each line of its own context stands there, as far as the generator tells."""
        generator = self.generator(None)
        return list(generator.reasons(repo, self._seen(generator, instance)))

    def _seen(self, generator: ContextGenerator, instance: GoldInstance) -> Instance | None:
        """The instance as the generator may see it."""
        if not generator.per_instance:
            return None
        return instance if self.cell.gold_context else instance.public()

    def _build(self, generator: ContextGenerator, repo: RepoAtCommit, instance: GoldInstance) -> Built:
        seen = self._seen(generator, instance)
        began = time.perf_counter()
        context = generator.build(repo, seen)
        return Built(context=context, text=context.text, build_s=time.perf_counter() - began)
