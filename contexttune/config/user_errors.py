"""Exceptions that a user can cause and fix, each as one sentence that names the key and the remedy."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import get_type_hints

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import MarkedYAMLError

from contexttune.config.schema import Config
from contexttune.errors import ConfigError, ContextTuneError, DiskTrouble, PreflightError

_DISK_OUTAGES = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}
_PATH_ERRORS = {
    *(errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
}


def as_user_error(error: BaseException) -> ContextTuneError | None:
    """`error` as one that a user can fix; None for a bug, which needs its traceback."""
    if isinstance(error, ContextTuneError):
        return error
    if isinstance(error, HydraException | OmegaConfBaseException):
        return ConfigError(_sentence(error))
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark):
        return ConfigError(f"{mark.name}: line {mark.line + 1} is not YAML, {error.problem}: correct it")
    if message := disk_trouble(error):
        return DiskTrouble(message)
    if isinstance(error, OSError) and error.errno in _PATH_ERRORS:
        where = f"{error.filename}: " if error.filename else ""
        return PreflightError(
            f"{where}{error.strerror}: set paths.root (or paths.cache, .artifacts, .results) to a directory that you can "
            "write to, then run the same command again; finished work is kept"
        )
    return None


def disk_trouble(error: BaseException) -> str | None:
    """A message about a full or failing disk; None when `error` is about something else."""
    if not isinstance(error, OSError) or error.errno not in _DISK_OUTAGES:
        return None
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror}{where}: check the disks of paths.root and TMPDIR, then run the command again"


def _sentence(error: HydraException | OmegaConfBaseException) -> str:
    if raised := re.search(r"ConfigError raised while resolving interpolation: (.+)", str(error)):
        return raised[1]
    if isinstance(error, MissingMandatoryValue):
        return f"{error.full_key} is not set and has no default: set {error.full_key}=..."
    text, cause = str(error), next(_useful_lines(str(error.__cause__ or "")), "")
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group = error.missing_cfg_file.rpartition("/")[0]
        return f"Could not find '{error.missing_cfg_file}': {group} must be one of {', '.join(error.options)}"
    if found := re.match(r"In '(.+)': (\w+) raised while composing config:\n(.+)\n\s*full_key: *(.*)", text):
        option, kind, reason, key = found.groups()
        words = unknown_key(key) if kind == "ConfigKeyError" else f"{key}: {reason}" if key else reason
        return f"{option}.yaml: {words}"
    if isinstance(error, OverrideParseException):
        return f"{error.override} cannot be parsed: write key=value, and quote a value with special characters twice, 'key=\"a b\"'"
    if found := re.match(r"Could not override '([^'@]+)'\.\s+To append to your config", text):
        inner = str(getattr(error.__cause__, "full_key", None) or "")  # a key of a mapping given as the value
        return unknown_key(inner if inner.startswith(f"{found[1]}.") else found[1])
    if found := re.match(r"Error merging override (.+)", text):
        hint = f"this key takes a list, {_as_list(found[1])}" if "ListConfig" in cause else cause
        return f"{found[1]}: {hint}"
    if found := re.match(r"Ambiguous value for argument '(.+)'", text):
        return f"{found[1]}: add -m to run a sweep over these values, or write a list as {_as_list(found[1])}"
    where = [f"{error.full_key}:"] if isinstance(error, OmegaConfBaseException) and error.full_key else []
    return " ".join([*where, *_useful_lines(text), *([cause] if cause not in text else [])])


def unknown_key(key: str) -> str:
    """An error message for a key that does not exist, with the closest one that does."""
    known = known_keys()
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


def known_keys() -> dict[str, list[str]]:
    """Top-level key -> the keys below it; [] for parts, whose keys are the fields of their class."""
    hints = get_type_hints(Config)
    return {
        key: [one.name for one in fields(kind)] if is_dataclass(kind) else [] for key, kind in hints.items()
    }


def _as_list(override: str) -> str:
    key, _, value = override.lstrip("+").partition("=")
    return f"'{key}=[{value}]'"


def _useful_lines(text: str) -> Iterator[str]:
    """The lines of Hydra's message that are useful to a user."""
    for line in text.split("\n\n")[0].splitlines():
        stripped = line.strip()
        if stripped and not stripped.startswith(
            ("full_key:", "object_type=", "reference_type=", "See https", "^")
        ):
            yield stripped
