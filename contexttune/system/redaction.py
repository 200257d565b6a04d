"""Keeps secrets out of files: passwords in URLs, and values of environment variables named like keys."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from contexttune.errors import ConfigError

# the user name of a URL may be a token, which is longer than a name
_URL_PASSWORD = re.compile(r"(?<=://)(?:([^/?#@\s:]*:)[^/?#@\s]+|[^/?#@\s:]{20,})@")
_VARIABLE = re.compile(r"(?i)(key|token|secret|password|passwd|credentials?)$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MASK = "***"
_MIN_CHARS = 8  # "any" and "none" are keys for servers that check none, and occur in many words


def masked(value: Any) -> Any:
    """`value` (JSON) with every secret in it replaced by ***. Use for everything that is written."""
    return _mapped(value, sorted(set(environment_secrets().values()), key=len, reverse=True))


def environment_secrets() -> dict[str, str]:
    """Name -> value of the environment variables that are named like keys, except short values."""
    return {name: v for name, v in os.environ.items() if _VARIABLE.search(name) and len(v) >= _MIN_CHARS}


def without_passwords(value: Any) -> Any:
    """`value` (JSON) with the passwords in its URLs replaced by ***. Does not depend on the environment."""
    return _mapped(value, [])


def require_no_secrets(composed: Mapping[str, Any]) -> None:
    """Raise ConfigError for a literal secret in a configuration, which Hydra copies into files.

    `composed` is unresolved, so that interpolations of environment variables pass.
    """
    ours = {key: value for key, value in composed.items() if key != "hydra"}
    for key, value in _texts({**ours, "hydra": composed.get("hydra")}):  # ours first: its keys are clearer
        if _URL_PASSWORD.search(value):
            name = value.partition("=")[0].lstrip("+~") if key.startswith("hydra.overrides.") else key
            raise ConfigError(
                f"{name} contains a password, and the configuration is written to files: export the URL as OPENAI_BASE_URL, "
                "or as another variable and set the key to '${oc.env:NAME}'"
            )
        if key.startswith("hydra.job.env_set.") and _VARIABLE.search(key) and "${" not in value:
            raise ConfigError(
                f"{key} contains a secret, and the configuration is written to files: export the variable instead, which jobs inherit"
            )
        if key.endswith("api_key_env") and "${" not in value and not _NAME.fullmatch(value):
            raise ConfigError(
                f"{key} must be the name of the environment variable that holds the key, not the key itself"
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
