"""The ids, places and parts of one composed configuration. Nothing here computes a result."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contexttune import paths
from contexttune.config.build import build, name_of, result_settings, target_class, wants
from contexttune.config.schema import Config
from contexttune.config.validation import check
from contexttune.contexts.context_files import ContextStage
from contexttune.contexts.documents import Documents
from contexttune.errors import ConfigError, InfraError, PreflightError
from contexttune.experiment import identity
from contexttune.experiment.finished_work import FinishedWork
from contexttune.experiment.manifest import installed_version, manifest
from contexttune.instances import health_records, slices
from contexttune.instances.exclusion import Exclusion
from contexttune.interfaces import ContextGenerator, Harness, Model, RepoAtCommit, Runner, Signal, UsesImages
from contexttune.models.prices import Price, price_of
from contexttune.models.shared import SharedModel
from contexttune.models.spending import Budget
from contexttune.repos.workspace import Workspace
from contexttune.signals.extraction import write_signals
from contexttune.system.progress import Board
from contexttune.system.redaction import masked
from contexttune.types import GoldInstance, Instance


def cell_of(cfg: DictConfig) -> Cell:
    """The cell of a composed configuration. Raises ConfigError."""
    config = check(cfg)
    container = OmegaConf.to_container(cfg, resolve=True, enum_to_str=True)
    assert isinstance(container, dict)
    for key in ("runner", "condition", "harness"):
        name_of(container[key], key)
    return Cell(config, {str(key): value for key, value in container.items()})


def layout_of(config: Config) -> paths.Layout:
    """The configured roots as absolute paths."""
    places = {key: Path(value).expanduser() for key, value in vars(config.paths).items()}
    root = places.pop("root").resolve()
    return paths.Layout(**{key: root / place for key, place in places.items()})


@dataclass
class Cell:
    """One condition x seed x shard of a group. Parts are built on first use."""

    config: Config
    container: dict[str, Any]  # the same configuration as plain values, resolved
    board: Board = field(default_factory=Board)  # where running attempts post their progress
    _extracting: Lock = field(default_factory=Lock)

    @cached_property
    def layout(self) -> paths.Layout:
        return layout_of(self.config)

    @cached_property
    def instances(self) -> list[GoldInstance]:
        return slices.load(self.config.slice, [entry["instance_id"] for entry in self.excluded])

    @property
    def excluded(self) -> list[dict[str, str]]:
        """The unhealthy instances that the group leaves out. A dry run leaves out the same ones."""
        return self.exclusion.of_group(str(self.config.group_id))

    @cached_property
    def exclusion(self) -> Exclusion:
        settings = masked(identity.group_settings(self.container))
        return Exclusion(
            layout=self.layout,
            slice=self.config.slice,
            harness=health_records.harness_key(settings["harness"], installed_version("swebench")),
            grades=target_class(self.container["harness"], "harness", Harness).grades,
        )

    @cached_property
    def group_id(self) -> str:
        group_id = str(self.config.group_id)
        return f"dry_run-{group_id}" if self.config.dry_run else group_id

    @cached_property
    def run_id(self) -> str:
        return identity.run_id(self.config, self.container)

    @cached_property
    def finished_work(self) -> FinishedWork:
        return FinishedWork(self.layout, self.group_id, self.run_id)

    @property
    def keeps_records(self) -> bool:
        """Whether the run has records: not in a dry run, nor when only contexts are built."""
        return not self.config.dry_run and bool(
            {"inference", "evaluate", "summarize"} & set(self.config.stages)
        )

    @cached_property
    def condition(self) -> str:
        return str(self.container["condition"]["name"])

    def check(self) -> None:
        """Build all parts, which checks their configuration. Raises ConfigError."""
        _ = self.generator, self.signals, self.harness, self.runner, self.budget
        asks = not self.config.dry_run and "inference" in self.config.stages
        if asks and self.uses_model and not self.model.name:
            raise ConfigError("model.name is not set: name the model that the endpoint serves")

    @cached_property
    def manifest(self) -> dict[str, Any]:
        asks_elsewhere = self.answers_from == "endpoint"
        settings = identity.run_settings(self.container)
        return manifest(self.container, settings, self.instances, asks_elsewhere=asks_elsewhere)

    def image_digests(self, part: str, images: Sequence[str]) -> dict[str, str]:
        """image -> digest, of the images that the engine of `part` ("runner" or "harness") has; {} without an engine."""
        user = getattr(self, part)
        try:
            return user.image_digests(images) if images and isinstance(user, UsesImages) else {}
        except InfraError:
            return {}

    @cached_property
    def uses_model(self) -> bool:
        return wants(self.container["runner"], "model", "runner")

    @cached_property
    def answers_from(self) -> str | None:
        """One of "endpoint", "script" (results say nothing about any model), "journal"; None without a model."""
        if not self.uses_model:
            return None
        return str(target_class(self.container["model"], "model", Model).answers_from)

    @cached_property
    def model_name_or_path(self) -> str:
        return identity.model_name_or_path(self.container, self.uses_model)

    @cached_property
    def model(self) -> Model:
        model: Model = build(self.container["model"], "model", self._model_services, Model)
        return model

    @cached_property
    def shared_model(self) -> SharedModel:
        """The model, started once for all stages that use it."""
        return SharedModel(self.model)

    @property
    def _model_services(self) -> dict[str, Any]:
        return {
            "seed": self.config.seed,
            "rates": self.layout.rates,
            "run_label": self._label,
            "run_dir": self.layout.run(self.group_id, self.run_id),
        }

    @cached_property
    def price(self) -> Price | None:
        """The price of the model, if known."""
        return self._model_price if self.uses_model else None

    @property
    def _model_price(self) -> Price | None:
        return price_of(self.container["model"], self.container["prices"])

    @cached_property
    def budget(self) -> Budget:
        return Budget(self.config.budget, self._model_price if self.wants_documents else self.price)

    @cached_property
    def wants_documents(self) -> bool:
        """Whether a model writes documents for the condition, or for one that it wraps."""
        return wants(self.container["condition"], "documents", "condition")

    @cached_property
    def documents(self) -> Documents:
        return Documents(
            layout=self.layout,
            label=self._label,
            prices=self.container["prices"],
            budget=lambda: self.budget,
            main=self.shared_model,
        )

    @property
    def workers(self) -> int:
        """Number of instances at once: the runner's own if it has one."""
        return int(self.container["runner"].get("workers") or self.config.workers)

    @cached_property
    def workspace(self) -> Workspace:
        if shutil.which("git") is None:
            raise PreflightError("git is not on PATH: install git, which is needed to read repositories")
        keys = self.config.workspace
        return Workspace(layout=self.layout, remote=keys.remote, cache_bytes=keys.cache_bytes)

    @cached_property
    def runner(self) -> Runner:
        services = {
            "workspace": self.workspace,
            "seed": self.config.seed,
            "run_label": self._label,
            "board": self.board,
        }
        if self.uses_model:
            services |= {"model": self.model, "model_price": self.price}
        runner: Runner = build(self.container["runner"], "runner", services, Runner)
        return runner

    @cached_property
    def harness(self) -> Harness:
        services = {"workspace": self.workspace, "bundled": self._is_bundled}
        harness: Harness = build(self.container["harness"], "harness", services, Harness)
        return harness

    @cached_property
    def signals(self) -> list[Signal]:
        return [build(node, f"signal.{name}", kind=Signal) for name, node in self.container["signal"].items()]

    @cached_property
    def generator(self) -> ContextGenerator:
        node = self.container["condition"]
        services: dict[str, Any] = {"repository": self.repository}
        if wants(node, "pool", "condition"):  # others do not need the dataset
            services |= {"pool": [instance.public() for instance in self._whole_slice]}
        if self.wants_documents:
            services |= {**self._model_services, "model": self.model, "documents": self.documents}
        generator: ContextGenerator = build(node, "condition", services, ContextGenerator)
        return generator

    @property
    def _whole_slice(self) -> list[GoldInstance]:
        """The instances of all shards: sharding must not change a context."""
        if self.config.slice.shard_count == 1:
            return self.instances
        whole = replace(self.config.slice, shard_index=0, shard_count=1)
        return slices.load(whole, [entry["instance_id"] for entry in self.excluded])

    def as_shown(self, instance: GoldInstance) -> Instance:
        """The instance as the condition may see it."""
        return instance if self.gold_context else instance.public()

    @property
    def gold_context(self) -> bool:
        """Whether the context is made from the gold patch: an upper bound, not a result."""
        return bool(target_class(self.container["condition"], "condition", ContextGenerator).needs_gold)

    def repository(self, repo: str, commit: str) -> RepoAtCommit:
        """A commit with its signals, extracted unless they are on disk. Raises ArtifactError.

        One thread at a time: extraction is bound by the interpreter lock.
        """
        tree = self.workspace.tree(repo, commit)
        with self._extracting:
            facts = write_signals(tree, self.signals, self.layout.signals(repo, commit))
        return RepoAtCommit(repo=repo, base_commit=commit, signals=facts, tree=tree)

    @cached_property
    def context_stage(self) -> ContextStage:
        # masked, because they are written beside the context
        settings = dict(masked(result_settings(self.container["condition"], "condition")))
        settings.pop("name", None)
        if self.generator.asks is self.model:
            settings["model"] = masked(result_settings(self.container["model"], "model"))
        return ContextStage(
            layout=self.layout, generator=self.generator, settings=settings, signals=self.signals
        )

    @property
    def _label(self) -> str:
        return f"{self.group_id}/{self.run_id}"

    @property
    def _is_bundled(self) -> bool:
        """Whether everything that the harness would execute, tasks and patches, ships with the package."""
        scripted = self.answers_from == "script" and paths.is_bundled(str(self.container["model"]["script"]))
        return paths.is_bundled(str(self.config.slice.dataset)) and (scripted or not self.uses_model)
