"""Keys that no part of the program reads: misspelt ones."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import get_type_hints

from omegaconf import DictConfig

from contexttune.config.schema import Config
from contexttune.errors import ConfigError


def refuse_unread(cfg: DictConfig) -> None:
    """Keys that + has added and nothing reads: a misspelt one would change the run's name, or nothing at all.

    Raises ConfigError.
    """
    keys = _keys()
    for key, below in keys.items():
        for name in cfg.get(key) or () if below else ():
            if name not in below:
                raise ConfigError(unknown_key(f"{key}.{name}"))
    for name in cfg:
        if name not in keys:
            raise ConfigError(unknown_key(str(name)))


def unknown_key(key: str) -> str:
    """A sentence about a key that nothing reads."""
    parts = _keys()
    head, _, rest = key.partition(".")
    if head == "hydra" or (head in parts and not parts[head]):  # an option's own class says which keys it has
        shows = f"--cfg {'hydra' if head == 'hydra' else 'job'} shows those"
        return f"{key} is no key that this option sets: {shows}, and +{key}=... adds one that its class has"
    within = parts.get(head, [])
    if near := get_close_matches(rest if within else head, within or list(parts), n=1):
        meant = f"{head}.{near[0]}" if within else ".".join([near[0], *([rest] if rest else [])])
        return f"{key} is not a key: did you mean {meant}?"
    return f"{key} is not a key: --cfg job shows those that there are"


def _keys() -> dict[str, list[str]]:
    """The keys of a configuration, with those below them; none below a part, whose class says what it has."""
    hints = get_type_hints(Config)
    return {
        key: [one.name for one in fields(kind)] if is_dataclass(kind) else [] for key, kind in hints.items()
    }
