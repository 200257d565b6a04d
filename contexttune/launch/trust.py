"""What a record may set without being trusted: the rule of `reproduce=`.

A record consists of overrides and of the configuration directories that they were composed with, and may be
somebody else's. Without reproduce_trusted=true, each value that it sets must be of a kind listed here, which can neither
run a program nor load code, send a key, read the environment or leave the working directory; or it must be what this
installation and the command line set, too. A key that is not listed here is refused.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from omegaconf import DictConfig, OmegaConf

from contexttune.errors import ConfigError
from contexttune.experiment.past_run import is_reference

Raw = Any  # a value of a configuration: unresolved, of mappings, lists and plain values
Path = tuple[str | int, ...]


class Leaf(NamedTuple):
    """A value that the record sets, and the mapping that it is in."""

    path: Path
    value: Raw
    beside: Mapping[str, Any]

    @property
    def key(self) -> str:
        return ".".join(part for part in self.path if isinstance(part, str))


class Rule(NamedTuple):
    """What a kind of key may be set to, and what may happen otherwise."""

    allows: Callable[[Leaf], bool]
    danger: str


_DEFAULT_KEY = "OPENAI_API_KEY"
_DEFAULT_URL = "https://api.openai.com/v1"
_REMOTES = ("https://github.com/", "package://contexttune/")
_SHOWN_CHARS = 120
# Hydra fills these in itself
_OF_HYDRA = {"hydra.runtime", "hydra.searchpath", "hydra.mode", "hydra.job.override_dirname"}
_OF_HYDRA |= {"hydra.job.config_name"}


def _is_inside(leaf: Leaf) -> bool:
    """Whether a path stays below the working directory, or in this package."""
    text = str(leaf.value).removeprefix("package://contexttune/")
    path = PurePosixPath(text)
    return not (path.is_absolute() or ".." in path.parts or text.startswith("~") or "://" in text)


def _is_own_endpoint(leaf: Leaf) -> bool:
    """Whether no key is sent, or the user's own to the endpoint that the environment names."""
    url, variable = leaf.beside.get("base_url"), leaf.beside.get("api_key_env")
    named = (None, "", _DEFAULT_URL, os.environ.get("OPENAI_BASE_URL"))
    return variable is None or (variable == _DEFAULT_KEY and url in named)


def _is_remote(leaf: Leaf) -> bool:
    return str(leaf.value).startswith(_REMOTES) and ".." not in str(leaf.value)


_ANYTHING = Rule(lambda leaf: True, "")
_PLAIN = Rule(
    lambda leaf: leaf.value is None or isinstance(leaf.value, bool | int | float), "may run a program"
)
_INSIDE = Rule(_is_inside, "is a path outside the working directory")
_DATASET = Rule(
    lambda leaf: "://" not in str(leaf.value) or _is_inside(leaf), "may ask a host with your keys"
)
_CLASS = Rule(
    lambda leaf: re.fullmatch(r"contexttune(\.\w+)+", str(leaf.value)) is not None,
    "loads code from outside contexttune",
)
_ENDPOINT = Rule(_is_own_endpoint, "would send a key of yours to an endpoint that you did not name")
_REMOTE = Rule(_is_remote, "may make git run a program, or use your credentials for another host")
_BWRAP = Rule(lambda leaf: leaf.value == "bwrap", "drops the sandbox of the agent")
_NO_NETWORK = Rule(lambda leaf: leaf.value == "none", "gives the agent a network")
_LIMIT = Rule(
    lambda leaf: isinstance(leaf.value, int | float) and leaf.value > 0, "drops a limit of the agent"
)

# sections whose keys are classes of their own, and their keys by name, at any depth
_PARTS = ("runner", "condition", "model", "harness", "signal", "slice.dataset")
_OF_PARTS = {
    **dict.fromkeys(("name", "protocol", "container", "edit_format", "missing", "budget_unit"), _ANYTHING),
    **dict.fromkeys(("instructions", "files", "other", "split", "revision"), _ANYTHING),
    **dict.fromkeys(("path", "script", "source"), _INSIDE),
    **dict.fromkeys(("base_url", "api_key_env"), _ENDPOINT),
    **dict.fromkeys(("memory_gb", "pids_limit"), _LIMIT),
    **{"_target_": _CLASS, "location": _DATASET, "sandbox": _BWRAP, "network": _NO_NETWORK},
}
_OTHERS = {
    **dict.fromkeys(("seed", "stages", "workers", "jobs_at_once", "dry_run", "reevaluate_flips"), _ANYTHING),
    **dict.fromkeys(("analysis", "audit", "budget", "compare", "plan", "prices", "report"), _ANYTHING),
    **dict.fromkeys(("group_id", "groups", "show", "workspace.cache_gb", "slice.name"), _ANYTHING),
    **dict.fromkeys(("slice.revision", "slice.split", "slice.instance_ids", "slice.filter"), _ANYTHING),
    **{"slice": _PLAIN, "slice.repos": _ANYTHING, "slice.dataset": _DATASET, "slice.ids_file": _INSIDE},
    **{"paths": _INSIDE, "workspace.remote": _REMOTE},
}
_UNLISTED = Rule(lambda leaf: False, "may change what this command runs")


def require_harmless(
    composed: DictConfig, own: Raw, typed: set[Path], overrides: set[str], where: str
) -> None:
    """Raise ConfigError for the first value of a composed configuration that needs trust.

    Args:
        composed: the whole configuration.
        own: the configuration that this installation and the command line compose without the record.
        typed: paths of the values on the command line.
        overrides: all overrides that `composed` was made with.
        where: the record, for the message.
    """
    raw = OmegaConf.to_container(composed, resolve=False, enum_to_str=True)
    for leaf in _foreign(raw, own, (), typed):
        if leaf.key.startswith("hydra.overrides.") and leaf.value in overrides:
            continue
        if danger := _danger(leaf, composed):
            raise refusal(leaf.key, leaf.value, danger, where)


def refusal(key: str, value: object, danger: str, where: str) -> ConfigError:
    """The error about a recorded value."""
    shown = ascii(value)
    shown = shown if len(shown) <= _SHOWN_CHARS else f"{shown[: _SHOWN_CHARS - 3]}..."
    remedy = f"give {key}=... on the command line, or reproduce_trusted=true if you trust everything in it"
    return ConfigError(f"{key}={shown} is recorded in {where} and {danger}: {remedy}")


def _foreign(node: Raw, own: Raw, path: Path, typed: set[Path], beside: Raw = None) -> Iterator[Leaf]:
    """The values that neither this installation nor the command line sets."""
    if path in typed or node == own or ".".join(map(str, path)) in _OF_HYDRA:
        return
    if isinstance(node, Mapping):
        for name, inner in node.items():
            known = own.get(name, _ABSENT) if isinstance(own, Mapping) else _ABSENT
            yield from _foreign(inner, known, (*path, str(name)), typed, node)
    elif isinstance(node, list):
        for number, inner in enumerate(node):
            yield from _foreign(inner, _ABSENT, (*path, number), typed, beside)
    else:
        yield Leaf(path, node, beside)


_ABSENT = object()


def _danger(leaf: Leaf, composed: DictConfig) -> str:
    """What a value could do; "" for one that is harmless."""
    rule = _rule(leaf.key)
    if isinstance(leaf.value, str) and "${" in leaf.value:
        if rule is _CLASS or not is_reference(leaf.value):
            return "may read your environment"
        leaf = leaf._replace(value=_resolved(composed, leaf.path))
    return "" if rule.allows(leaf) else rule.danger


def _rule(key: str) -> Rule:
    """The rule of a key, or of the section that it is in."""
    if key.startswith(tuple(f"{part}." for part in _PARTS)):
        return _OF_PARTS.get(key.rpartition(".")[2], _PLAIN)
    parents = [key, *(key[: found.start()] for found in re.finditer(r"\.", key))]
    return next((_OTHERS[one] for one in parents if one in _OTHERS), _UNLISTED)


def _resolved(node: Any, path: Path) -> Any:
    for part in path:
        node = node[part]
    return node
