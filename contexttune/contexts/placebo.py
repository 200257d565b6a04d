"""Base class of the placebos, which are made from the context of another condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contexttune.contexts.context_files import built
from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator, Model, RepoAtCommit
from contexttune.types import Context, Instance


@dataclass(frozen=True, kw_only=True)
class Placebo(ContextGenerator):
    """A placebo of the condition `of`, made per commit or per instance, as `of` is."""

    of: ContextGenerator

    def __post_init__(self) -> None:
        if self.of.needs_gold or not self.of.sends_block:
            why = "needs the gold patch" if self.of.needs_gold else "sends no block"
            raise ConfigError(
                f"condition.of={self.of.name} {why} and has no placebo: choose another condition"
            )

    @property
    def per_instance(self) -> bool:
        return self.of.per_instance

    @property
    def asks(self) -> Model | None:
        """The model that writes the original context."""
        return self.of.asks

    def inputs(self, instance: Instance) -> Any:
        """Inputs of the original context."""
        return self.of.inputs(instance)

    def build(self, repo: RepoAtCommit, instance: Instance | None) -> Context:
        original = built(self.of, repo, instance)
        return Context(text=self.replace(original.text, repo, instance), documents=original.documents)

    def replace(self, text: str, repo: RepoAtCommit, instance: Instance | None) -> str:
        """The placebo of the original `text`."""
        raise NotImplementedError
