"""Builds a part from its configuration: the class's own fields are the schema of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from importlib import import_module
from typing import Any, get_type_hints

from contexttune.errors import ConfigError

SERVICES = (
    *("model", "workspace", "seed", "bundled", "run_label", "run_dir", "rates", "model_price", "board"),
    *("pool", "repository", "documents"),
)
"""Field names that the experiment supplies and a YAML may not."""


NO_EFFECT: Mapping[str, bool] = {"affects_results": False}
"""`metadata` of a field that cannot change a result (a time-out that is retried, a number of workers)."""


def result_settings(node: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The node's values that can change a result; defaults of keys that it does not mention are not added.

    A nested part whose class says `affects_results = False` is as good as not there.
    """
    cls = _target(node, key)
    inert = {f.name for f in fields(cls) if not f.metadata.get("affects_results", True)}
    settings = {}
    for name, value in node.items():
        if name in inert:
            continue
        if isinstance(value, Mapping) and "_target_" in value:
            if getattr(_target(value, f"{key}.{name}"), "affects_results", True):
                settings[name] = result_settings(value, f"{key}.{name}")
        else:
            settings[name] = value
    return settings


def settings_of(part: Any) -> dict[str, Any]:
    """The same of a part that is built, its class and the defaults of its keys included."""
    settings: dict[str, Any] = {"_target_": f"{type(part).__module__}.{type(part).__qualname__}"}
    for spec in fields(part):
        value = getattr(part, spec.name)
        if not spec.init or spec.name in SERVICES or not spec.metadata.get("affects_results", True):
            continue
        if not is_dataclass(value):
            settings[spec.name] = value
        elif getattr(value, "affects_results", True):
            settings[spec.name] = settings_of(value)
    return settings


def build(node: Mapping[str, Any], key: str, services: Mapping[str, Any] | None = None) -> Any:
    """The object that `node` describes.

    Args:
        node: `_target_` and the constructor's arguments; a nested mapping with a `_target_` is built too.
        key: where the node stands in the configuration, for error messages.
        services: what the experiment supplies, by field name; a part gets those that it has fields for.

    Raises:
        ConfigError: no such class, an unknown or missing key, a value of the wrong type.
    """
    cls = _target(node, key)
    known = {f.name: f for f in fields(cls) if f.init}
    given = {
        name: _value(value, f"{key}.{name}", services) for name, value in node.items() if name != "_target_"
    }
    for name in given:
        if name not in known or name in SERVICES:
            keys = ", ".join(sorted(set(known) - set(SERVICES)))
            raise ConfigError(f"{key}.{name} is not a key of {cls.__name__}; its keys are {keys}")
    for name, spec in known.items():
        if name not in given and name not in SERVICES and spec.default is spec.default_factory is MISSING:
            raise ConfigError(f"{key}.{name} is not set and {cls.__name__} needs it")
    _check_types(cls, given, key)
    return cls(**given, **{name: value for name, value in (services or {}).items() if name in known})


def wants(node: Mapping[str, Any], service: str, key: str) -> bool:
    """Whether the class that `node` names, or one of a part in it, has a field for that service."""
    nested = [(name, part) for name, part in node.items() if isinstance(part, Mapping) and "_target_" in part]
    return service in {f.name for f in fields(_target(node, key))} or any(
        wants(part, service, f"{key}.{name}") for name, part in nested
    )


def target_class(node: Mapping[str, Any], key: str) -> type[Any]:
    """The class that `node` names, not constructed."""
    return _target(node, key)


def _target(node: Mapping[str, Any], key: str) -> type[Any]:
    name = str(node.get("_target_") or "")
    if not name:
        raise ConfigError(f"{key} is not set: choose an option of that group, see --help")
    module, _, attribute = name.rpartition(".")
    try:
        cls = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{key}._target_={name} cannot be imported: {error}") from None
    if not (isinstance(cls, type) and is_dataclass(cls)):
        raise ConfigError(f"{key}._target_={name} must be a dataclass")
    return cls


def _value(value: Any, key: str, services: Mapping[str, Any] | None) -> Any:
    if isinstance(value, Mapping):
        if "_target_" in value:
            return build(value, key, services)
        return {name: _value(inner, f"{key}.{name}", services) for name, inner in value.items()}
    return value


def _check_types(cls: type[Any], given: Mapping[str, Any], key: str) -> None:
    from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

    hints = get_type_hints(cls)
    for name, value in given.items():
        try:
            TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
        except ValidationError as error:
            first = error.errors()[0]
            inner = ".".join(str(part) for part in first["loc"])
            raise ConfigError(
                f"{key}.{name}{'.' + inner if inner else ''}={value!r}: {first['msg']}"
            ) from None
        except PydanticUserError:  # a type that is its own configuration, such as a nested part
            continue
