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
from contexttune.launch import untrusted
from contexttune.launch.untrusted import parsed
from contexttune.system.redaction import MASK

if TYPE_CHECKING:
    from argparse import Namespace

    from hydra.core.override_parser.types import Override

_KEY = "reproduce="
_SEARCH_PATH = "hydra.searchpath in command-line"  # Hydra's name for this source
_MULTIRUN = "hydra.mode=MULTIRUN"
_TRUSTED = "reproduce_trusted"


def expand(argv: Sequence[str]) -> list[str]:
    """`argv` with `reproduce=DIR` replaced by the run's overrides; other typed overrides take precedence.

    Raises ConfigError if there is no such run, or if it needs more trust than it is given (launch/trust.py).
    """
    named = [argument for argument in argv if argument.startswith(_KEY)]
    if not named:
        return list(argv)
    if len(named) > 1:
        raise ConfigError(f"{' '.join(named)}: one command reproduces one run")
    from hydra._internal.utils import get_args_parser

    flags = get_args_parser().parse_args(list(argv))
    typed = [argument for argument in flags.overrides if argument != named[0]]
    run = past_run(_directory(named[0]))
    is_sweep = flags.multirun or _MULTIRUN in typed
    added = [*_new_group(run, typed), *_job_mode(run, typed, is_sweep=is_sweep), *_search_path(run, typed)]
    recorded = _not_replaced(run.overrides, [*added, *typed])
    chosen = _config_flags(run, flags)
    if not _is_trusted(typed):
        untrusted.Command(
            where=run.directory,
            config_name=flags.config_name or run.config_name,
            recorded=_all_parsed(recorded),
            own=parsed([*added, *typed]),
            directory=flags.config_dir,
            search_path=_typed_search_path(typed),
            recorded_directory=_recorded_directory(run),
            recorded_search_path=_recorded_paths(run),
            is_sweep=is_sweep,
        ).require_harmless()
    n, overrides = len(flags.overrides), list(flags.overrides)
    at = next(i for i in range(len(argv)) if list(argv[i : i + n]) == overrides)
    # overrides stand together, as Hydra's parser wants them, and what is typed comes last
    return [*chosen, *argv[:at], *recorded, *added, *typed, *argv[at + n :]]


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


def _is_trusted(typed: Sequence[str]) -> bool:
    """Whether the user has typed reproduce_trusted=true: a record cannot ask for trust."""
    given = [one.value() for one in parsed(typed) if one.key_or_group == _TRUSTED]
    return bool(given) and given[-1] is True


def _all_parsed(recorded: Sequence[str]) -> list[Override]:
    for text in recorded:
        if not parsed([text]):
            raise ConfigError(f"the recorded override {text!a} cannot be parsed: see --hydra-help")
    return parsed(recorded)


def _has(typed: Sequence[str], key: str) -> bool:
    return any(one.key_or_group == key for one in parsed(typed))


def _new_group(run: PastRun, typed: Sequence[str]) -> list[str]:
    """Overrides for a new group, since the run is finished in its original one, and for the origin of the run."""
    overrides = [f"reproduced_from={quoted(str(run.directory))}"]
    overrides += [] if _has(typed, _TRUSTED) else [f"{_TRUSTED}=false"]
    overrides += [] if _has(typed, "group_id") else ["group_id=${reproduced_group_id:}"]
    return overrides


def _job_mode(run: PastRun, typed: Sequence[str], *, is_sweep: bool) -> list[str]:
    """Overrides that keep one job: the run's experiment may describe a sweep, of which it was one job."""
    if not is_sweep:
        return ["hydra.mode=RUN"]
    had_experiment = _has(run.overrides, "experiment")
    typed_sweep = any(
        override.key_or_group == "experiment" or override.key_or_group.startswith("hydra.sweeper")
        for override in parsed(typed)
    )
    return ["hydra.sweeper.params=null"] if had_experiment and not typed_sweep else []


def _config_flags(run: PastRun, flags: Namespace) -> list[str]:
    """Flags that select the run's configuration; typed flags come later and take precedence."""
    chosen = ["--config-name", run.config_name] if run.config_name != "config" else []
    directory = _recorded_directory(run)
    if directory and not flags.config_dir:
        if not Path(directory).is_dir():
            raise ConfigError(
                f"the configuration of {run.directory} came from {directory}, which no longer exists: set --config-dir"
            )
        chosen += ["--config-dir", directory]
    return chosen


def _recorded_directory(run: PastRun) -> str | None:
    paths = {source["provider"]: source["path"] for source in run.config_sources}
    return paths.get("command-line")


def _recorded_paths(run: PastRun) -> list[str]:
    return [source["path"] for source in run.config_sources if source["provider"] == _SEARCH_PATH]


def _typed_search_path(typed: Sequence[str]) -> list[str]:
    values = [one.value() for one in parsed(typed) if one.key_or_group == "hydra.searchpath"]
    return [str(path) for value in values for path in (value if isinstance(value, list) else [value])]


def _search_path(run: PastRun, typed: Sequence[str]) -> list[str]:
    """The run's further configuration directories: hydra.searchpath is not among its recorded overrides."""
    paths = [quoted(path) for path in _recorded_paths(run)]
    return [f"hydra.searchpath=[{','.join(paths)}]"] if paths and not _has(typed, "hydra.searchpath") else []


def _not_replaced(recorded: Sequence[str], later: Sequence[str]) -> list[str]:
    """The recorded overrides that no later one replaces."""
    replacing = parsed(later)
    kept = []
    for text in recorded:
        if not any(_replaces(new, old) for new in replacing for old in parsed([text])):
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
