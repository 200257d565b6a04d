"""Writes and reads the context of a commit (or of an instance) under artifacts/contexts."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from contexttune.config.build import result_settings, settings_of
from contexttune.contexts.budget import join
from contexttune.injection import block
from contexttune.interfaces import ContextGenerator, RepoAtCommit, Signal
from contexttune.paths import Layout, config_dir
from contexttune.system.files import dump_json, fingerprint, read_json, sha256, write_atomic
from contexttune.types import Context, Document, Instance

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1
_DEFAULT = "baseline_context"  # its shipped settings write context.{json,md}; all else carries a context_id


@dataclass(frozen=True, kw_only=True)
class ContextStage:
    """One condition's contexts. `settings` is its configuration, which names its files."""

    layout: Layout
    generator: ContextGenerator
    settings: Mapping[str, Any]
    signals: Sequence[Signal]  # what the facts were extracted with: a new version makes a new context

    @cached_property
    def context_id(self) -> str:
        return f"{self.generator.name}-{fingerprint(self.settings)}"

    def saved_block(self, instance: Instance) -> str | None:
        """The block as it lies on disk, or None when it is not there or its inputs have changed."""
        stem = self._stem(instance)
        saved = _read(stem.with_name(f"{stem.name}.json"))
        current = saved is not None and saved.get("inputs") == self._inputs(instance)
        return block(saved["text"]) if current and stem.with_name(f"{stem.name}.md").exists() else None

    def documents(self, instance: Instance) -> list[Document]:
        """What models wrote for an instance's context, as it lies on disk; their answers are not repeated there."""
        stem = self._stem(instance)
        saved = _read(stem.with_name(f"{stem.name}.json")) or {}
        return [Document(**document, text="") for document in saved.get("documents", [])]

    def build(self, repo: RepoAtCommit, instance: Instance) -> str:
        """Build and write an instance's context; return its block ("" for an empty text)."""
        context = self.generator.build(repo, instance if self.generator.per_instance else None)
        framed = block(context.text)  # refuses before anything is written
        self._write(self._stem(instance), repo, context, self._inputs(instance))
        return framed

    def _stem(self, instance: Instance) -> Path:
        home = self.layout.contexts(instance.repo, instance.base_commit)
        if self.generator.per_instance:
            return home / self.context_id / instance.instance_id
        return home / ("context" if self._is_default else self.context_id)

    @cached_property
    def _is_default(self) -> bool:
        return self.settings == shipped_settings(self.generator.name)

    def _inputs(self, instance: Instance) -> str:
        versions = {signal.name: settings_of(signal) for signal in self.signals}
        issue = sha256(instance.problem_statement) if self.generator.per_instance else None
        own = self.generator.inputs(instance)
        return fingerprint([SCHEMA_VERSION, self.settings, versions, issue, own], 16)

    def _write(self, stem: Path, repo: RepoAtCommit, context: Context, inputs: str) -> None:
        text = context.text if not context.cards else join(context.cards)
        written = [asdict(document) for document in context.documents]
        told = [{key: value for key, value in one.items() if key != "text"} for one in written]
        durable = bool(told)  # the others cost nothing to make again
        write_atomic(stem.with_name(f"{stem.name}.md"), text.rstrip() + "\n", durable=durable)
        saved = dump_json(
            {
                "schema_version": SCHEMA_VERSION,
                "context_id": self.context_id,
                "condition": self.generator.name,
                "repo": repo.repo,
                "base_commit": repo.base_commit,
                "n_chars": len(text),
                "sha256": sha256(text),
                "cards": [{"name": c.name, "n_chars": len(c.text)} for c in context.cards],
                "text": text,
                "settings": self.settings,
                "inputs": inputs,
            }
            | ({"documents": told} if told else {})
        )
        write_atomic(stem.with_name(f"{stem.name}.json"), saved, durable=durable)


def _read(path: Path) -> Any:
    """A context's file; None when it is not there, or a power cut has emptied it."""
    try:
        return read_json(path)
    except ValueError:
        log.warning("%s is damaged and is built again", path)
        return None


def shipped_settings(condition: str) -> dict[str, Any] | None:
    """The settings of the default condition as conf/ ships them; None for every other condition."""
    if condition != _DEFAULT:
        return None
    import yaml
    from omegaconf import OmegaConf

    conf = config_dir()
    settings: dict[str, Any] = yaml.safe_load(
        (conf / "condition" / f"{condition}.yaml").read_text(encoding="utf-8")
    )
    cards = next(item["/card@cards"] for item in settings.pop("defaults") if isinstance(item, dict))
    settings.pop("name")
    merged: dict[str, Any] = {}
    for card in cards:
        merged |= yaml.safe_load((conf / "card" / f"{card}.yaml").read_text(encoding="utf-8"))
    whole = OmegaConf.create(settings | {"cards": merged})
    return dict(result_settings(OmegaConf.to_container(whole, resolve=True), "condition"))
