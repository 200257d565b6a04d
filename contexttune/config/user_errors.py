"""Exceptions that are no defect of ours, each as one sentence that names the key and the remedy."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import OmegaConfBaseException

from contexttune.config.unknown_keys import unknown_key
from contexttune.errors import ConfigError, ContextTuneError, DiskTrouble, PreflightError

_DISK_OUTAGES = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ESTALE}
_OF_PLACES = {
    *(errno.EACCES, errno.EPERM),
    *(errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG),
}


def known(error: BaseException) -> ContextTuneError | None:
    """What `error` is to a user; None for a defect, whose traceback is wanted."""
    if isinstance(error, ContextTuneError):
        return error
    if isinstance(error, HydraException | OmegaConfBaseException):
        return ConfigError(_sentence(error))
    if words := disk_trouble(error):
        return DiskTrouble(words)
    if isinstance(error, OSError) and error.errno in _OF_PLACES:
        where = f"{error.filename}: " if error.filename else ""
        return PreflightError(
            f"{where}{error.strerror}: paths.root (paths.cache, .artifacts, .results) says where files lie; "
            "what is finished is kept, and the same command continues"
        )
    return None


def disk_trouble(error: BaseException) -> str | None:
    """What an error says of the disk, with the remedy; None where it is about something else."""
    if not isinstance(error, OSError) or error.errno not in _DISK_OUTAGES:
        return None
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror}{where}: see to the disk of paths.root and of TMPDIR, and the same command continues"


def _sentence(error: HydraException | OmegaConfBaseException) -> str:
    text, cause = str(error), next(_lines(str(error.__cause__ or "")), "")
    if isinstance(error, MissingConfigException) and error.missing_cfg_file and error.options:
        group = error.missing_cfg_file.rpartition("/")[0]
        return f"Could not find '{error.missing_cfg_file}': {group} may be {', '.join(error.options)}"
    if isinstance(error, OverrideParseException):
        return f"{error.override} cannot be read: it must be key=value, and a value with blanks or signs quoted twice, 'key=\"a b\"'"
    if found := re.match(r"Could not override '([^'@]+)'\.\s+To append to your config", text):
        inner = str(
            getattr(error.__cause__, "full_key", None) or ""
        )  # of a mapping that was given as a value
        return unknown_key(inner if inner.startswith(f"{found[1]}.") else found[1])
    if found := re.match(r"Error merging override (.+)", text):
        return f"{found[1]}: {_as_list(found[1]) if 'ListConfig' in cause else cause}"
    if found := re.match(r"Ambiguous value for argument '(.+)'", text):
        return f"{found[1]}: -m runs such a sweep; {_as_list(found[1])}"
    where = [f"{error.full_key}:"] if isinstance(error, OmegaConfBaseException) and error.full_key else []
    return " ".join([*where, *_lines(text), *([cause] if cause not in text else [])])


def _as_list(override: str) -> str:
    key, _, value = override.lstrip("+").partition("=")
    return f"a list is written '{key}=[{value}]'"


def _lines(text: str) -> Iterator[str]:
    """Those that say something to whoever typed the command."""
    for line in text.split("\n\n")[0].splitlines():
        told = line.strip()
        if told and not told.startswith(("full_key:", "object_type=", "reference_type=", "See https", "^")):
            yield told
