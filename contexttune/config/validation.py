"""Checks a composed configuration and returns it as typed objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from contexttune.config.schema import Config
from contexttune.config.user_errors import as_user_error, known_keys, unknown_key
from contexttune.errors import ConfigError


def check(cfg: DictConfig) -> Config:
    """The configuration as typed objects. Raises ConfigError, whose message names the key."""
    _refuse_unknown_keys(cfg)
    try:
        config = OmegaConf.to_object(cfg)
    except OmegaConfBaseException as error:
        raise as_user_error(error) or error from None
    assert isinstance(config, Config)
    for key, value in _floats(OmegaConf.to_container(cfg, resolve=True)):
        if not math.isfinite(value):  # a limit of nan would never apply, since comparisons with it are false
            raise ConfigError(f"{key}={value} must be a finite number")
    return config


def _refuse_unknown_keys(cfg: DictConfig) -> None:
    """Raise ConfigError for a key that `+key=...` added and that nothing reads."""
    known = known_keys()
    for key, inner in known.items():
        for name in cfg.get(key) or () if inner else ():
            if name not in inner:
                raise ConfigError(unknown_key(f"{key}.{name}"))
    for name in cfg:
        if name not in known:
            raise ConfigError(unknown_key(str(name)))


def _floats(node: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Every float of a plain configuration, with its full key."""
    if isinstance(node, float):
        yield key, node
    elif isinstance(node, dict | list):
        for name, inner in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _floats(inner, f"{key}.{name}".lstrip("."))
