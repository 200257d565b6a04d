"""What the placebos have in common: each is made from the context of another generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.errors import ConfigError
from contexttune.interfaces import ContextGenerator, Model
from contexttune.types import Instance


@dataclass(frozen=True, kw_only=True)
class Wrapped:
    """A placebo of the generator `of`: one per commit or per instance, as that is."""

    sends_block: ClassVar[bool] = True
    of: ContextGenerator

    def __post_init__(self) -> None:
        if getattr(self.of, "needs_gold", False):
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
        return getattr(self.of, "asks", None)

    def inputs(self, instance: Instance) -> Any:
        """What determines the wrapped context besides settings, commit and issue."""
        return own_inputs(self.of, instance)


def own_inputs(generator: ContextGenerator, instance: Instance) -> Any:
    """The generator's `inputs`; None where it has none."""
    tell = getattr(generator, "inputs", None)
    return None if tell is None else tell(instance)
