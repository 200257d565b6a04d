"""task=plan: what a design can see and what it takes, before anything is spent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from contexttune.interfaces import Task, TaskResult

if TYPE_CHECKING:
    from contexttune.config.schema import Config
    from contexttune.tasks.plan.assumptions import Range
    from contexttune.tasks.plan.study import Study


@dataclass(frozen=True, kw_only=True)
class Plan(Task):
    """Print what each number of seeds in `plan.seeds` would see and take, and which design would see `plan.effect`.

    `one_completion` and `agent` are what an attempt of such a runner is assumed to take: [low, high] by name.
    """

    one_completion: Mapping[str, Sequence[float]]
    agent: Mapping[str, Sequence[float]]
    image_gb: Sequence[float]
    icc_range: Sequence[float]
    name: str = "plan"

    def __post_init__(self) -> None:
        from contexttune.errors import ConfigError
        from contexttune.tasks.plan.assumptions import assumed, range_of

        assumed(self.one_completion, "task.one_completion")
        assumed(self.agent, "task.agent")
        range_of(self.image_gb, "task.image_gb")
        if not 0 < range_of(self.icc_range, "task.icc_range").low <= self.icc_range[1] < 1:
            raise ConfigError(f"task.icc_range={list(self.icc_range)} must be above 0 and below 1")

    def execute(self, cfg: DictConfig) -> TaskResult:
        from contexttune.config.validation import check
        from contexttune.tasks.plan.table import show

        config = check(cfg)
        container: Any = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
        study = self.study(config, container)
        show(study, config.plan.seeds, _left_out(study, container))
        return TaskResult()

    def study(self, config: Config, container: Mapping[str, Any]) -> Study:
        """What is planned, from the configuration and `plan.group`. Raises ConfigError."""
        from contexttune.config.build import target_class
        from contexttune.tasks.plan.study import Study

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
        from contexttune.experiment.cell import layout_of
        from contexttune.models.prices import price_of
        from contexttune.tasks.plan.assumptions import Range, measured, range_of, usd_of

        plan = config.plan
        facts = {
            name: Range(low=value, high=value, source=f"assumed: plan.{name}")
            for name, value in (("resolve_rate", plan.resolve_rate), ("icc", plan.icc), ("tau", plan.tau))
        }
        facts |= {"image_gb": range_of(self.image_gb, "task.image_gb")} | self._attempt(container["runner"])
        if plan.group is not None:
            found = measured(layout_of(config), plan.group, config.analysis.control)
            silent = {name: facts[name] for name in ("resolve_rate", "icc") if name not in found}
            facts |= found | {name: _unsaid(fact, plan.group) for name, fact in silent.items()}
        price = price_of(container["model"], container["prices"])
        if price is not None and facts["calls"].high > 0:
            facts["usd"] = usd_of(facts, price)
        return facts

    def _attempt(self, runner: Mapping[str, Any]) -> dict[str, Range]:
        """Of an agent, which has a limit of steps; of one completion; of a runner that asks no model."""
        from contexttune.config.build import wants
        from contexttune.tasks.plan.assumptions import NO_MODEL, assumed

        if "step_limit" in runner:
            return assumed(self.agent, "task.agent")
        found = assumed(self.one_completion, "task.one_completion")
        return found if wants(runner, "model", "runner") else found | NO_MODEL


def _left_out(study: Study, container: Mapping[str, Any]) -> list[str]:
    from contexttune.config.build import wants

    condition, found = container["condition"], []
    if wants(condition, "documents", "condition"):
        found.append(
            f"condition={condition['name']}: what its documents take is not planned for: one more call a commit, which runs of all seeds share."
        )
    return found + ([_price_remedy(container)] if "usd" not in study.facts else [])


def _unsaid(fact: Range, group_id: str) -> Range:
    return replace(fact, source=f"{fact.source}; group {group_id} has too few instances or seeds")


def _n_instances(config: Config) -> int:
    from contexttune.errors import ConfigError
    from contexttune.instances import slices

    n = config.plan.instances or slices.count(config.slice)
    if n is None:
        raise ConfigError(
            f"how many instances of {config.slice.dataset} the slice selects is not known without it: say plan.instances=N"
        )
    return n


def _price_remedy(container: Mapping[str, Any]) -> str:
    name = container["model"].get("name")
    return (
        f"USD is not known: model.name={name or 'null'} has no price in conf/prices; "
        "model.price={prompt: 1, cached: 0.1, completion: 4}, in USD per million tokens, gives it one"
    )
