"""Keeps secrets out of files and off the console: values of environment variables named like keys, and keys in URLs."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from contexttune.errors import ConfigError
from contexttune.system.encoded_secrets import MIN_CHARS, SecretFinder
from contexttune.system.url_secrets import KEY_WORDS, credentials, path_keys, without_url_secrets

_VARIABLE = re.compile(rf"(?i)({KEY_WORDS}|_pwd|_auth|_pat)(_?\d+)?$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MASK = "***"


def masked(value: Any) -> Any:
    """`value` (JSON) with every secret in it replaced by ***, however it is encoded. Use for everything that is written."""
    finder = _finder(tuple(sorted({*environment_secrets().values(), *_url_secrets()})))
    return _mapped(value, lambda text: finder.masked(without_url_secrets(text, MASK)))


def environment_secrets() -> dict[str, str]:
    """Name -> value of the environment variables that are named like keys, except short values.

    "any" and "none" are keys for servers that check none, and occur in many words.
    """
    return {name: v for name, v in os.environ.items() if _VARIABLE.search(name) and len(v) >= MIN_CHARS}


def without_passwords(value: Any) -> Any:
    """`value` (JSON) with the passwords and keys in its URLs replaced by ***. Does not depend on the environment."""
    return _mapped(value, lambda text: without_url_secrets(text, MASK))


def require_no_secrets(composed: Mapping[str, Any]) -> None:
    """Raise ConfigError for a literal secret in a configuration, which Hydra copies into files.

    `composed` is unresolved, so that interpolations of environment variables pass.
    """
    ours = {key: value for key, value in composed.items() if key != "hydra"}
    for key, value in _texts({**ours, "hydra": composed.get("hydra")}):  # ours first: its keys are clearer
        name = value.partition("=")[0].lstrip("+~") if key.startswith("hydra.overrides.") else key
        if any(credentials(value)) or (name.endswith("base_url") and any(path_keys(value))):
            raise ConfigError(
                f"{name} contains a password or a key, and the configuration is written to files: export the URL as "
                "OPENAI_BASE_URL, or as another variable and set the key to '${oc.env:NAME}'"
            )
        if key.startswith("hydra.job.env_set.") and _VARIABLE.search(key) and "${" not in value:
            raise ConfigError(
                f"{key} contains a secret, and the configuration is written to files: export the variable instead, which jobs inherit"
            )
        if key.endswith("api_key_env") and "${" not in value and not _NAME.fullmatch(value):
            raise ConfigError(
                f"{key} must be the name of the environment variable that holds the key, not the key itself"
            )


def _url_secrets() -> Iterator[str]:
    """Passwords and keys in URLs of the environment, such as that of the endpoint."""
    for value in os.environ.values():
        if "://" in value:
            found = (value[begin:end] for begin, end in (*credentials(value), *path_keys(value)))
            yield from (secret for secret in found if len(secret) >= MIN_CHARS)


@cache
def _finder(secrets: tuple[str, ...]) -> SecretFinder:
    return SecretFinder(secrets, MASK)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    """`value` with all of its texts changed, also those that are keys of mappings."""
    if isinstance(value, Mapping):
        return {_mapped(key, change): _mapped(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_mapped(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _texts(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, key)
    elif isinstance(value, str):
        yield key, value
