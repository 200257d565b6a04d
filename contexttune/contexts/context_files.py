"""Reads and writes contexts of commits and instances under artifacts/contexts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from contexttune.config.build import result_settings, settings_of
from contexttune.errors import ConfigError
from contexttune.injection import block
from contexttune.interfaces import ContextGenerator, RepoAtCommit, Signal
from contexttune.paths import Layout, config_dir, slug
from contexttune.system.files import dump_json, fingerprint, read_json, sha256, write_atomic
from contexttune.types import CardText, Context, Document, Instance

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_DEFAULT = "baseline_context"  # with its shipped settings, its files are context.{json,md}


@dataclass(frozen=True, kw_only=True)
class ContextStage:
    """The contexts of one condition. `settings` is its configuration, which names its files."""

    layout: Layout
    generator: ContextGenerator
    settings: Mapping[str, Any]
    signals: Sequence[Signal]  # a new version of one makes a new context

    @cached_property
    def context_id(self) -> str:
        return f"{slug(self.generator.name)}-{fingerprint(self.settings)}"

    def saved_block(self, instance: Instance) -> str | None:
        """The block on disk, or None when it is missing or its inputs have changed."""
        saved = self._read(instance)
        is_current = saved is not None and saved.get("inputs") == self._inputs(instance)
        return block(saved["text"]) if is_current and self.path(instance, "md").exists() else None

    def documents(self, instance: Instance) -> list[Document]:
        """Documents in an instance's context on disk, without their text."""
        saved = self._read(instance) or {}
        return [Document(**document, text="") for document in saved.get("documents", [])]

    def build(self, repo: RepoAtCommit, instance: Instance) -> str:
        """Build and write an instance's context; return its block ("" for an empty text)."""
        context = built(self.generator, repo, instance if self.generator.per_instance else None)
        framed = block(context.text)  # raises before anything is written
        self._write(instance, repo, context)
        return framed

    def path(self, instance: Instance, suffix: str) -> Path:
        """The file of an instance's context; `suffix` is md or json."""
        home = self.layout.contexts(instance.repo, instance.base_commit)
        if self.generator.per_instance:
            return home / self.context_id / f"{instance.instance_id}.{suffix}"
        return home / f"{'context' if self._is_default else self.context_id}.{suffix}"

    @cached_property
    def _is_default(self) -> bool:
        return self.generator.name == _DEFAULT and self.settings == _shipped_settings()

    def _inputs(self, instance: Instance) -> str:
        """Digest of everything that determines an instance's context."""
        signals = {signal.name: settings_of(signal) for signal in self.signals}
        issue = sha256(instance.problem_statement) if self.generator.per_instance else None
        own = self.generator.inputs(instance)
        return fingerprint([SCHEMA_VERSION, self.settings, signals, issue, own], 16)

    def _read(self, instance: Instance) -> Any:
        """An instance's context file; None when it is missing or damaged by a power cut."""
        path = self.path(instance, "json")
        try:
            return read_json(path)
        except ValueError:
            log.warning("%s is damaged; building it again", path)
            return None

    def _write(self, instance: Instance, repo: RepoAtCommit, context: Context) -> None:
        text = context.text
        documents = [asdict(document) for document in context.documents]
        for document in documents:
            del document["text"]
        durable = bool(documents)  # other contexts cost nothing to build again
        saved = {
            "schema_version": SCHEMA_VERSION,
            "context_id": self.context_id,
            "condition": self.generator.name,
            "repo": repo.repo,
            "base_commit": repo.base_commit,
            "n_chars": len(text),
            "sha256": sha256(text),
            "cards": [{"name": card.name, "n_chars": len(card.text)} for card in context.cards],
            "text": text,
            "settings": self.settings,
            "inputs": self._inputs(instance),
            **({"documents": documents} if documents else {}),
        }
        write_atomic(self.path(instance, "md"), text.rstrip() + "\n", durable=durable)
        write_atomic(self.path(instance, "json"), dump_json(saved), durable=durable)


def built(generator: ContextGenerator, repo: RepoAtCommit, instance: Instance | None) -> Context:
    """The context that `generator` builds. Raises ConfigError when it is none."""
    context: object = generator.build(repo, instance)
    if (
        isinstance(context, Context)
        and isinstance(context.text, str)
        and all(isinstance(card, CardText) for card in context.cards)
    ):
        return context
    raise ConfigError(
        f"condition={generator.name}: {type(generator).__name__}.build must return a Context, whose text is a string, got {context!r:.80}"
    )


def _shipped_settings() -> dict[str, Any]:
    """The settings of the default condition in conf/."""
    import yaml
    from omegaconf import OmegaConf

    def read(group: str, name: str) -> dict[str, Any]:
        path = config_dir() / group / f"{name}.yaml"
        return dict(yaml.safe_load(path.read_text(encoding="utf-8")))

    settings = read("condition", _DEFAULT)
    del settings["name"]
    cards = next(item["/card@cards"] for item in settings.pop("defaults") if isinstance(item, dict))
    settings["cards"] = {key: value for card in cards for key, value in read("card", card).items()}
    resolved = OmegaConf.to_container(OmegaConf.create(settings), resolve=True)
    return dict(result_settings(resolved, "condition"))
