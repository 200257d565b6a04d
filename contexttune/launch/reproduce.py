"""`reproduce=<run dir>`: the overrides of a past run, put on the command line before Hydra parses it.

The configuration is composed again with today's defaults and checks, so everything that an ordinary command can do
(-m, launchers, --cfg, further overrides) works. What has changed since is reported by experiment/drift.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from contexttune.errors import ConfigError
from contexttune.experiment.past_run import PastRun, past_run
from contexttune.system.redaction import MASK

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

_KEY = "reproduce="
_SEARCH_PATH = "hydra.searchpath in command-line"  # Hydra's name for this source
_MULTIRUN = ("-m", "--multirun", "hydra.mode=MULTIRUN")


def expand(argv: Sequence[str]) -> list[str]:
    """`argv` with `reproduce=DIR` replaced by the run's overrides; other typed overrides take precedence.

    Raises ConfigError if there is no such run.
    """
    named = [argument for argument in argv if argument.startswith(_KEY)]
    if not named:
        return list(argv)
    if len(named) > 1:
        raise ConfigError(f"{' '.join(named)}: one command reproduces one run")
    typed = [argument for argument in argv if argument != named[0]]
    run = past_run(_directory(named[0]))
    added = [*_new_group(run, typed), *_job_mode(run, typed), *_search_path(run, typed)]
    recorded = _not_replaced(run.overrides, [*added, *typed])
    at = list(argv).index(named[0])  # flags must not stand between overrides, so these stay together
    return [*_config_flags(run, typed), *typed[:at], *recorded, *added, *typed[at:]]


def quoted(text: str) -> str:
    """A text as a value in Hydra's grammar."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), text)
    return f"'{escaped}'"


def _directory(argument: str) -> Path:
    text = argument.removeprefix(_KEY)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":  # quoted as for Hydra
        text = text[1:-1]
    if not text:
        raise ConfigError("reproduce= is empty: set reproduce=multirun/<group_id>/<stamp>/<job>")
    return Path(text).expanduser().resolve()


def _new_group(run: PastRun, typed: Sequence[str]) -> list[str]:
    """Overrides for a new group, since the run is finished in its original one, and for the origin of the run."""
    overrides = [f"reproduced_from={quoted(str(run.directory))}"]
    if not any(override.key_or_group == "group_id" for override in _parsed(typed)):
        overrides.append("group_id=${reproduced_group_id:}")
    return overrides


def _job_mode(run: PastRun, typed: Sequence[str]) -> list[str]:
    """Overrides that keep one job: the run's experiment may describe a sweep, of which it was one job."""
    if not any(argument in _MULTIRUN for argument in typed):
        return ["hydra.mode=RUN"]
    had_experiment = any(override.key_or_group == "experiment" for override in _parsed(run.overrides))
    typed_sweep = any(
        override.key_or_group == "experiment" or override.key_or_group.startswith("hydra.sweeper")
        for override in _parsed(typed)
    )
    return ["hydra.sweeper.params=null"] if had_experiment and not typed_sweep else []


def _config_flags(run: PastRun, typed: Sequence[str]) -> list[str]:
    """Flags that select the run's configuration; typed flags come later and take precedence."""
    flags = ["--config-name", run.config_name] if run.config_name != "config" else []
    paths = {source["provider"]: source["path"] for source in run.config_sources}
    directory = paths.get("command-line")
    if directory and not any(argument.startswith(("--config-dir", "-cd")) for argument in typed):
        if not Path(directory).is_dir():
            raise ConfigError(
                f"the configuration of {run.directory} came from {directory}, which no longer exists: set --config-dir"
            )
        flags += ["--config-dir", directory]
    return flags


def _search_path(run: PastRun, typed: Sequence[str]) -> list[str]:
    """The run's further configuration directories: hydra.searchpath is not among its recorded overrides."""
    paths = [quoted(source["path"]) for source in run.config_sources if source["provider"] == _SEARCH_PATH]
    is_typed = any(argument.startswith("hydra.searchpath=") for argument in typed)
    return [f"hydra.searchpath=[{','.join(paths)}]"] if paths and not is_typed else []


def _not_replaced(recorded: Sequence[str], later: Sequence[str]) -> list[str]:
    """The recorded overrides that no later one replaces."""
    parsed = _parsed(later)
    kept = []
    for text in recorded:
        if not any(_replaces(new, old) for new in parsed for old in _parsed([text])):
            kept.append(text)
            if MASK in text:
                key = text.partition("=")[0]
                raise ConfigError(f"{key} contained a secret, which is not recorded: give {key}=... again")
    return kept


def _replaces(new: Override, old: Override) -> bool:
    if (new.key_or_group, new.package) != (old.key_or_group, old.package):
        return False
    adds = (new.is_add() or new.is_force_add()) and (old.is_add() or old.is_force_add())
    sets_again = old.is_delete() and not (new.is_add() or new.is_delete())
    return new.type == old.type or adds or sets_again


def _parsed(arguments: Sequence[str]) -> list[Override]:
    """The arguments that are overrides; malformed ones are left for Hydra to report."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.errors import HydraException

    parser, found = OverridesParser.create(), []
    for argument in arguments:
        if argument.startswith("-"):
            continue
        try:
            found.append(parser.parse_override(argument))
        except HydraException:
            continue
    return found
