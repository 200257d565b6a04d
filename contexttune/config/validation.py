"""Checks a composed configuration and returns it as typed objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from contexttune.config.schema import Config
from contexttune.config.unknown_keys import refuse_unread
from contexttune.config.user_errors import known
from contexttune.errors import ConfigError


def check(cfg: DictConfig) -> Config:
    """The configuration as typed objects. Raises ConfigError with the key in its sentence."""
    refuse_unread(cfg)
    try:
        config = OmegaConf.to_object(cfg)
    except MissingMandatoryValue as error:
        key = error.full_key
        raise ConfigError(f"{key} is not set and has no default: say {key}=...") from None
    except OmegaConfBaseException as error:
        raise ConfigError(str(known(error))) from None
    assert isinstance(config, Config)
    for key in ("runner", "condition", "harness", "task"):
        if not getattr(config, key).get("name"):
            raise ConfigError(f"{key}.name is not set: write `name: ...` into the YAML of that {key}")
    for key, value in _numbers(OmegaConf.to_container(cfg, resolve=True)):
        if not math.isfinite(value):  # no comparison holds for nan, so no limit would
            raise ConfigError(f"{key}={value} must be a finite number")
    return config


def _numbers(node: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Every float of a plain configuration, with its full key."""
    if isinstance(node, float):
        yield key, node
    elif isinstance(node, dict | list):
        for name, inner in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _numbers(inner, f"{key}.{name}".lstrip("."))
