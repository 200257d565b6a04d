"""Values that no file may hold: passwords in URLs, and what variables that are named like keys hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from contexttune.errors import ConfigError

# a token may also stand where a user's name does, and is longer than one
_URL_PASSWORD = re.compile(r"(?<=://)(?:([^/?#@\s:]*:)[^/?#@\s]+|[^/?#@\s:]{20,})@")
_VARIABLE = re.compile(r"(?i)(key|token|secret|password|passwd|credentials?)$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MASK = "***"
_MIN_CHARS = 8  # "any" and "none" are keys too, for servers that check none, and stand in many words


def masked(value: Any) -> Any:
    """`value` with every secret in it replaced: for what is written."""
    return _mapped(value, sorted(set(of_environment().values()), key=len, reverse=True))


def of_environment() -> dict[str, str]:
    """Name -> value of the variables that are named like keys, but for words that are no secret."""
    return {name: v for name, v in os.environ.items() if _VARIABLE.search(name) and len(v) >= _MIN_CHARS}


def without_passwords(value: Any) -> Any:
    """`value` with the passwords in its URLs replaced: the same whatever the environment holds."""
    return _mapped(value, [])


def refuse(composed: Mapping[str, Any]) -> None:
    """Raise ConfigError for a secret that is written out in a configuration, which Hydra copies into files.

    `composed` is not resolved, so that an interpolation of an environment variable passes.
    """
    ours = {key: value for key, value in composed.items() if key != "hydra"}
    for key, value in _texts({**ours, "hydra": composed.get("hydra")}):  # ours first: its keys say more
        if _URL_PASSWORD.search(value):
            name = value.partition("=")[0].lstrip("+~") if key.startswith("hydra.overrides.") else key
            raise ConfigError(
                f"{name} holds a password, and the configuration is written to files: export the URL as a variable "
                "(OPENAI_BASE_URL needs nothing else; '${oc.env:NAME}' names another)"
            )
        if key.startswith("hydra.job.env_set.") and _VARIABLE.search(key) and "${" not in value:
            raise ConfigError(
                f"{key} holds a secret, and the configuration is written to files: export the variable, which jobs inherit"
            )
        if key.endswith("api_key_env") and "${" not in value and not _NAME.fullmatch(value):
            raise ConfigError(
                f"{key} is the name of the environment variable that holds the key, not the key"
            )


def _mapped(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _mapped(inner, secrets) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(inner, secrets) for inner in value]
    if isinstance(value, str):
        value = _URL_PASSWORD.sub(lambda found: f"{found[1] or ''}{MASK}@", value)
        for secret in secrets:
            value = value.replace(secret, MASK)
    return value


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, key)
    elif isinstance(value, str):
        yield key, value
