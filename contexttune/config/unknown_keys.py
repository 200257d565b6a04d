"""Refuses keys that nothing reads, such as misspelt ones."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import get_type_hints

from omegaconf import DictConfig

from contexttune.config.schema import Config
from contexttune.errors import ConfigError


def refuse_unknown_keys(cfg: DictConfig) -> None:
    """Raise ConfigError for a key that `+key=...` added and that nothing reads."""
    known = _known_keys()
    for key, inner in known.items():
        for name in cfg.get(key) or () if inner else ():
            if name not in inner:
                raise ConfigError(unknown_key(f"{key}.{name}"))
    for name in cfg:
        if name not in known:
            raise ConfigError(unknown_key(str(name)))


def unknown_key(key: str) -> str:
    """An error message for a key that does not exist, with the closest one that does."""
    known = _known_keys()
    head, _, rest = key.partition(".")
    if head == "hydra" or (head in known and not known[head]):  # the keys of a part are those of its class
        shown = "hydra" if head == "hydra" else "job"
        return f"{key} is not a key of this option: see --cfg {shown}, or use +{key}=... if its class has that field"
    if key == "slice._target_":
        return f"{key} is not a key: name the class of a dataset in slice.dataset._target_"
    siblings = known.get(head, [])
    if near := get_close_matches(rest if siblings else head, siblings or list(known), n=1):
        meant = f"{head}.{near[0]}" if siblings else ".".join([near[0], *([rest] if rest else [])])
        return f"{key} is not a key: did you mean {meant}?"
    return f"{key} is not a key: --cfg job shows all keys"


def _known_keys() -> dict[str, list[str]]:
    """Top-level key -> the keys below it; [] for parts, whose keys are the fields of their class."""
    hints = get_type_hints(Config)
    return {
        key: [one.name for one in fields(kind)] if is_dataclass(kind) else [] for key, kind in hints.items()
    }
