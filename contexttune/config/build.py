"""Builds a part from its configuration: the class's own fields are the schema of its keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from typing import Any, get_type_hints

from contexttune.errors import ConfigError

SERVICES = (
    *("model", "workspace", "seed", "bundled", "run_label", "run_dir", "rates", "model_price", "board"),
    *("pool", "repository", "documents"),
)
"""Fields that the experiment supplies, and that are not keys: see interfaces.py."""

NO_EFFECT: Mapping[str, bool] = {"affects_results": False}
"""`metadata` of a field that cannot change a result, such as a number of workers."""


def result_settings(node: Any, key: str) -> Any:
    """The values of a configuration node that can change a result, without the defaults that it omits.

    A part is represented by the name and version of its class, without the module. Nested parts whose class has
    `affects_results = False` and fields with `NO_EFFECT` are left out.

    Raises ConfigError for a part without a version.
    """
    if isinstance(node, list):
        return [result_settings(item, key) for item in node]
    if not isinstance(node, Mapping):
        return node
    own, left_out = _class_settings(node, key) if "_target_" in node else ({}, {"_target_"})
    return own | {
        name: result_settings(value, f"{key}.{name}")
        for name, value in node.items()
        if name not in left_out and not _is_inert(value, f"{key}.{name}")
    }


def _class_settings(node: Mapping[str, Any], key: str) -> tuple[dict[str, Any], set[str]]:
    cls = target_class(node, key)
    return identity(cls), {"_target_", *(f.name for f in fields(cls) if not _affects_results(f))}


def _is_inert(value: Any, key: str) -> bool:
    is_part = isinstance(value, Mapping) and "_target_" in value
    return is_part and not getattr(target_class(value, key), "affects_results", True)


def _affects_results(spec: Field[Any]) -> bool:
    return bool(spec.metadata.get("affects_results", True))


def identity(cls: type[Any]) -> dict[str, Any]:
    """A class's part of an id: its name, without the module, and its version.

    Raises ConfigError if it has no version, or one that its YAML could change.
    """
    version = getattr(cls, "version", None)
    is_key = "version" in {f.name for f in fields(cls)}
    if is_key or not isinstance(version, int):
        problem = "declares its version as a key" if is_key else "has no version"
        raise ConfigError(
            f"{cls.__qualname__} {problem}: write `version: ClassVar[int] = 1`, and raise it when its results change"
        )
    return {"class": cls.__name__, "version": version}


def settings_of(part: Any) -> Any:
    """The `result_settings` of a built part, including the defaults of its keys."""
    if isinstance(part, Mapping):
        return {name: settings_of(value) for name, value in part.items()}
    if isinstance(part, list):
        return [settings_of(item) for item in part]
    if not is_dataclass(part):
        return part
    return identity(type(part)) | {
        spec.name: settings_of(value)
        for spec in fields(part)
        if spec.init and spec.name not in SERVICES and _affects_results(spec)
        if getattr(value := getattr(part, spec.name), "affects_results", True)
    }


def build(
    node: Mapping[str, Any], key: str, services: Mapping[str, Any] | None = None, kind: type[Any] = object
) -> Any:
    """Build the part that a configuration node describes.

    Args:
        node: `_target_` and the constructor's arguments; nested parts are built too.
        key: the node's key in the configuration, for error messages.
        services: field name -> service; each part is given those that it has fields for.
        kind: the class of interfaces.py that the part must inherit.

    Raises:
        ConfigError: no such class, an unknown or missing key, a value of the wrong type.
    """
    cls = target_class(node, key, kind)
    known = {f.name: f for f in fields(cls) if f.init}
    given = {
        name: _value(value, f"{key}.{name}", services) for name, value in node.items() if name != "_target_"
    }
    for name in given:
        if name not in known or name in SERVICES:
            keys = ", ".join(sorted(set(known) - set(SERVICES)))
            raise ConfigError(f"{key}.{name} is not a key of {cls.__name__}; its keys are {keys or 'none'}")
    for name, spec in known.items():
        if name not in given and name not in SERVICES and spec.default is spec.default_factory is MISSING:
            raise ConfigError(f"{key}.{name} is not set and {cls.__name__} needs it: set {key}.{name}=...")
    _check_types(cls, given, key)
    return cls(**given, **{name: value for name, value in (services or {}).items() if name in known})


def wants(node: Mapping[str, Any], service: str, key: str) -> bool:
    """Whether the part of `node`, or a part nested directly in it, has a field for the service."""
    nested = [(name, part) for name, part in node.items() if isinstance(part, Mapping) and "_target_" in part]
    return service in {f.name for f in fields(target_class(node, key))} or any(
        wants(part, service, f"{key}.{name}") for name, part in nested
    )


def name_of(node: Mapping[str, Any], key: str) -> str:
    """The name of a part in its YAML, which ids and directories are made of. Raises ConfigError."""
    if not node.get("name"):
        raise ConfigError(f"{key}.name is not set: add `name: ...` to the YAML of this {key}")
    return str(node["name"])


def target_class(node: Mapping[str, Any], key: str, kind: type[Any] = object) -> type[Any]:
    """The class that `node` names. Raises ConfigError when it cannot be imported or constructed, or is not a `kind`."""
    name = str(node.get("_target_") or "")
    if not name:
        missing = "has no _target_: add `_target_: module.Class` to its YAML" if node else "is not set"
        raise ConfigError(f"{key} {missing}, or choose an option of this group, see --help")
    module, _, attribute = name.rpartition(".")
    try:
        cls = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"{key}._target_={name} cannot be imported: {error}; Python looks in the current directory and PYTHONPATH"
        ) from None
    if not (isinstance(cls, type) and is_dataclass(cls)):
        raise ConfigError(f"{key}._target_={name} must be a dataclass")
    if not issubclass(cls, kind):
        raise ConfigError(f"{key}._target_={name} must inherit {kind.__name__} of contexttune/interfaces.py")
    if missing_methods := ", ".join(sorted(getattr(cls, "__abstractmethods__", ()))):
        raise ConfigError(f"{key}._target_={name} does not define {missing_methods}")
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
                f"{key}.{name}{'.' + inner if inner else ''}={first['input']!r}: {first['msg']}"
            ) from None
        except PydanticUserError:  # a type with its own pydantic settings, such as a nested part
            continue
