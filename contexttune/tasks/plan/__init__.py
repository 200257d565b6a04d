"""task=plan: the detectable effects and the cost of a study, before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contexttune.config.build import target_class, wants
from contexttune.config.schema import Config
from contexttune.config.validation import check
from contexttune.errors import ConfigError
from contexttune.experiment.cell import layout_of
from contexttune.instances import slices
from contexttune.interfaces import Task, TaskResult
from contexttune.models.prices import price_of
from contexttune.tasks.plan.assumptions import NO_MODEL, Range, assumed, measured, range_of, usd_of
from contexttune.tasks.plan.study import Study
from contexttune.tasks.plan.table import show


@dataclass(frozen=True, kw_only=True)
class Plan(Task):
    """Print the detectable effect and the cost for each number of seeds in `plan.seeds`, and what `plan.effect` requires.

    `one_completion` and `agent` are the assumed costs of an attempt with such a runner: name -> [low, high].
    """

    one_completion: Mapping[str, Sequence[float]]
    agent: Mapping[str, Sequence[float]]
    image_gb: Sequence[float]
    icc_range: Sequence[float]
    name: str = "plan"

    def __post_init__(self) -> None:
        assumed(self.one_completion, "task.one_completion")
        assumed(self.agent, "task.agent")
        range_of(self.image_gb, "task.image_gb")
        if not 0 < range_of(self.icc_range, "task.icc_range").low <= self.icc_range[1] < 1:
            raise ConfigError(f"task.icc_range={list(self.icc_range)} must be above 0 and below 1")

    def execute(self, cfg: DictConfig) -> TaskResult:
        config = check(cfg)
        container: Any = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
        study = self.study(config, container)
        show(study, config.plan.seeds, _not_included(study, container))
        return TaskResult()

    def study(self, config: Config, container: Mapping[str, Any]) -> Study:
        """The planned study, from the configuration and the results of `plan.group`. Raises ConfigError."""
        facts = self._facts(config, container)
        runner = container["runner"]
        return Study(
            n_instances=_n_instances(config),
            n_conditions=config.plan.conditions,
            effect=config.plan.effect,
            workers=int(runner.get("workers") or config.workers),
            images="container" in runner or target_class(container["harness"], "harness").official,
            facts=facts,
            icc_range=(self.icc_range[0], self.icc_range[1])
            if facts["icc"].source.startswith("assumed")
            else None,
        )

    def _facts(self, config: Config, container: Mapping[str, Any]) -> dict[str, Range]:
        plan = config.plan
        facts = {
            name: Range.exactly(value, f"assumed: plan.{name}")
            for name, value in (("resolve_rate", plan.resolve_rate), ("icc", plan.icc), ("tau", plan.tau))
        }
        facts |= {"image_gb": range_of(self.image_gb, "task.image_gb")} | self._attempt(container["runner"])
        if plan.group is not None:
            found = measured(layout_of(config), plan.group, config.analysis.control)
            note = f"; group {plan.group} has too few instances or seeds"
            for name in {"resolve_rate", "icc"} - found.keys():
                facts[name] = replace(facts[name], source=facts[name].source + note)
            facts |= found
        price = price_of(container["model"], container["prices"])
        if price is not None and facts["calls"].high > 0:
            facts["usd"] = usd_of(facts, price)
        return facts

    def _attempt(self, runner: Mapping[str, Any]) -> dict[str, Range]:
        """The assumed costs of an attempt: of an agent (it has a step limit), one completion, or no model."""
        if "step_limit" in runner:
            return assumed(self.agent, "task.agent")
        found = assumed(self.one_completion, "task.one_completion")
        return found if wants(runner, "model", "runner") else found | NO_MODEL


def _not_included(study: Study, container: Mapping[str, Any]) -> list[str]:
    condition, sentences = container["condition"], []
    if wants(condition, "documents", "condition"):
        sentences.append(
            f"Not included: the documents of condition={condition['name']}, one call for each commit, shared by all seeds."
        )
    if "usd" not in study.facts:
        sentences.append(
            f"The cost in USD is unknown: model.name={container['model'].get('name') or 'null'} has no price in "
            "conf/prices; set model.price={prompt: 1, cached: 0.1, completion: 4}, in USD per million tokens."
        )
    return sentences


def _n_instances(config: Config) -> int:
    n = config.plan.instances or slices.count(config.slice)
    if n is None:
        raise ConfigError(
            f"instances cannot be counted without loading {config.slice.dataset}: set plan.instances=N"
        )
    return n
