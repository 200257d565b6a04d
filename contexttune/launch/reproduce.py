"""`reproduce=<run dir>`: a past run's overrides, put on the command line before Hydra sees it.

The configuration is composed anew, by today's defaults and with today's checks, so that everything that an ordinary
command can do (-m, launchers, --cfg, further overrides) works; what has changed since is reported (drift.py).
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
_SEARCH_PATH = "hydra.searchpath in command-line"  # as Hydra names that source
_SWEEPING = ("-m", "--multirun", "hydra.mode=MULTIRUN")


def expand(argv: Sequence[str]) -> list[str]:
    """`argv` with `reproduce=DIR` replaced by the run's overrides; what else is typed wins over them.

    Raises ConfigError when there is no such run.
    """
    named = [argument for argument in argv if argument.startswith(_KEY)]
    if not named:
        return list(argv)
    if len(named) > 1:
        raise ConfigError(f"{' '.join(named)}: one command reproduces one run")
    typed = [argument for argument in argv if argument != named[0]]
    run = past_run(_directory(named[0]))
    own = [*_origin(run, typed), *_one_job(run, typed), *_searched(run, typed)]
    replayed = _not_said_again(run.overrides, [*own, *typed])
    at = list(argv).index(named[0])  # flags may not stand between overrides, so all go where one stood
    return [*_flags(run, typed), *typed[:at], *replayed, *own, *typed[at:]]


def quoted(text: str) -> str:
    """A text as a value in Hydra's grammar."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: found[1] * 2 + found[2].replace("'", "\\'"), text)
    return f"'{escaped}'"


def _directory(argument: str) -> Path:
    text = argument.removeprefix(_KEY)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":  # as it would be written for Hydra
        text = text[1:-1]
    if not text:
        raise ConfigError("reproduce= names no directory: reproduce=multirun/<group_id>/<stamp>/<job>")
    return Path(text).expanduser().resolve()


def _origin(run: PastRun, typed: Sequence[str]) -> list[str]:
    """Where the run comes from, and a group of its own: in the old one it would be found finished."""
    own = [f"reproduced_from={quoted(str(run.directory))}"]
    if not any(override.key_or_group == "group_id" for override in _parsed(typed)):
        own.append("group_id=${reproduced_group_id:}")
    return own


def _one_job(run: PastRun, typed: Sequence[str]) -> list[str]:
    """The run's experiment may be a recipe for a sweep, of which this was one job."""
    if not any(argument in _SWEEPING for argument in typed):
        return ["hydra.mode=RUN"]
    its_recipe = any(override.key_or_group == "experiment" for override in _parsed(run.overrides))
    another = any(
        override.key_or_group == "experiment" or override.key_or_group.startswith("hydra.sweeper")
        for override in _parsed(typed)
    )
    return ["hydra.sweeper.params=null"] if its_recipe and not another else []


def _flags(run: PastRun, typed: Sequence[str]) -> list[str]:
    """The configuration that the run's own was composed from; flags that are typed come later and win."""
    flags = ["--config-name", run.config_name] if run.config_name != "config" else []
    paths = {source["provider"]: source["path"] for source in run.config_sources}
    directory = paths.get("command-line")
    if directory and not any(argument.startswith(("--config-dir", "-cd")) for argument in typed):
        if not Path(directory).is_dir():
            raise ConfigError(
                f"the configuration of {run.directory} came from {directory}, which is gone: say --config-dir"
            )
        flags += ["--config-dir", directory]
    return flags


def _searched(run: PastRun, typed: Sequence[str]) -> list[str]:
    """Further directories of configuration, which are Hydra's own key and yet part of what was run."""
    paths = [quoted(source["path"]) for source in run.config_sources if source["provider"] == _SEARCH_PATH]
    typed_too = any(argument.startswith("hydra.searchpath=") for argument in typed)
    return [f"hydra.searchpath=[{','.join(paths)}]"] if paths and not typed_too else []


def _not_said_again(recorded: Sequence[str], later: Sequence[str]) -> list[str]:
    """The recorded overrides, less those that a later one says anew."""
    said = _parsed(later)
    kept = []
    for text in recorded:
        if not any(_replaces(new, old) for new in said for old in _parsed([text])):
            kept.append(text)
            if MASK in text:
                raise ConfigError(
                    f"{text.partition('=')[0]} held a secret, which is not recorded: say it again"
                )
    return kept


def _replaces(new: Override, old: Override) -> bool:
    if (new.key_or_group, new.package) != (old.key_or_group, old.package):
        return False
    adds = (new.is_add() or new.is_force_add()) and (old.is_add() or old.is_force_add())
    sets_again = old.is_delete() and not (new.is_add() or new.is_delete())
    return new.type == old.type or adds or sets_again


def _parsed(arguments: Sequence[str]) -> list[Override]:
    """Those that are overrides; a malformed one is left for Hydra to complain of."""
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
