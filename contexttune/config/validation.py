"""Checks a composed configuration and returns it as typed objects."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from contexttune.config.schema import Config
from contexttune.config.unknown_keys import refuse_unknown_keys
from contexttune.config.user_errors import as_user_error
from contexttune.errors import ConfigError


def check(cfg: DictConfig) -> Config:
    """The configuration as typed objects. Raises ConfigError, whose message names the key."""
    refuse_unknown_keys(cfg)
    try:
        config = OmegaConf.to_object(cfg)
    except MissingMandatoryValue as error:
        raise ConfigError(
            f"{error.full_key} is not set and has no default: set {error.full_key}=..."
        ) from None
    except OmegaConfBaseException as error:
        raise ConfigError(str(as_user_error(error))) from None
    assert isinstance(config, Config)
    for key, value in _floats(OmegaConf.to_container(cfg, resolve=True)):
        if not math.isfinite(
            value
        ):  # every comparison with nan is false, so a limit of nan would never apply
            raise ConfigError(f"{key}={value} must be a finite number")
    return config


def _floats(node: Any, key: str = "") -> Iterator[tuple[str, float]]:
    """Every float of a plain configuration, with its full key."""
    if isinstance(node, float):
        yield key, node
    elif isinstance(node, dict | list):
        for name, inner in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _floats(inner, f"{key}.{name}".lstrip("."))
