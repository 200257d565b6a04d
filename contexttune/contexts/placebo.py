"""What the placebos have in common: each is made from the context of another generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator, Model
from contexttune.types import Instance


@dataclass(frozen=True, kw_only=True)
class Wrapped(ContextGenerator):
    """A placebo of the generator `of`: one per commit or per instance, as that is."""

    of: ContextGenerator

    def __post_init__(self) -> None:
        if self.of.needs_gold:
            raise ConfigError(
                f"condition.of={self.of.name} needs the gold patch, and has no placebo: choose another"
            )
        if not self.of.sends_block:
            raise ConfigError(
                f"condition.of={self.of.name} sends no block, and has no placebo: choose another"
            )

    @property
    def per_instance(self) -> bool:
        return self.of.per_instance

    @property
    def asks(self) -> Model | None:
        """The model that writes what is wrapped."""
        return self.of.asks

    def inputs(self, instance: Instance) -> Any:
        """What determines the wrapped context besides settings, commit and issue."""
        return self.of.inputs(instance)
