"""What both old command lines share: their flags as Hydra overrides, and the program started with these."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
# What Hydra's grammar takes for a string, and for the same string, without quotes.
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_/.-]*")
_NO_STRINGS = ("true", "false", "null", "inf", "nan")
_KEYS = {
    "model": "model.name",
    "runner": "runner",
    "limit": "slice.limit",
    "max_workers_eval": "harness.max_workers",
    "timeout_s": "harness.timeout_s",
    "run_id": "group_id",
    "out": "paths.root",
}
_END = """\
Everything after -- goes to the program as it stands: -- seed=1 harness=none. Finished work is never done twice:
the same line again resumes, and --force begins another group instead, deleting nothing. Exit codes are those of
python -m contexttune; python -m contexttune --help lists what it takes."""


def parser(description: str) -> argparse.ArgumentParser:
    """The flags that both scripts have."""
    made = argparse.ArgumentParser(description=description, epilog=_END, allow_abbrev=False)
    add = made.add_argument
    add("--model", metavar="NAME", help="what the endpoint serves (model.name=NAME)")
    add("--dry_run", action="store_true", help="everything but model calls (dry_run=true)")
    add("--runner", metavar="NAME", help="an option of the group runner, such as single_shot (runner=NAME)")
    add("--limit", type=int, metavar="N", help="the first N instances (slice.limit=N)")
    add(
        "--instance_ids_file",
        metavar="FILE",
        help="the instances that FILE names, one a line, and no others (slice.instance_ids=null slice.ids_file=FILE)",
    )
    add("--max_workers_eval", type=int, metavar="N", help="gradings at once (harness.max_workers=N)")
    add(
        "--timeout_s",
        type=int,
        metavar="S",
        help="seconds for the tests of one instance, not for the model (harness.timeout_s=S)",
    )
    add(
        "--force",
        action="store_true",
        help="begin anew, in a group of its own: its name ends in the time (group_id=NAME-TIME). The printed command resumes it",
    )
    return made


def conditions_flag(add: argparse.ArgumentParser | argparse._MutuallyExclusiveGroup) -> None:
    """`--conditions`, which one of the scripts has as an alternative to another flag."""
    add.add_argument(
        "--conditions",
        nargs="+",
        metavar="NAME",
        help="arms, by commas or spaces; several are a sweep (-m condition=A,B)",
    )


def overrides(flags: argparse.Namespace, recipe: Sequence[str] = ()) -> list[str]:
    """Arguments of `python -m contexttune`, `recipe` first. Numbers and names become values that Hydra reads as such."""
    given = vars(flags)
    made = [f"{key}={quoted(given[flag])}" for flag, key in _KEYS.items() if given.get(flag) is not None]
    if given.get("instance_ids_file") is not None:
        made += ["slice.instance_ids=null", f"slice.ids_file={quoted(given['instance_ids_file'])}"]
    if given["force"]:
        made = [word for word in made if not word.startswith("group_id=")] + [_new_group(given.get("run_id"))]
    made += ["dry_run=true"] if given["dry_run"] else []
    arms = list(_names(given.get("conditions") or [given.get("ablation") or ""]))
    made += [f"condition={','.join(map(quoted, arms))}"] if arms else []
    sweep = ["-m"] if len(arms) > 1 and "-m" not in recipe else []
    return [*sweep, *recipe, *made]


def quoted(value: str | int) -> str:
    """`value` in Hydra's grammar: quoted unless it would be read as that very string (or number) without."""
    if isinstance(value, int) or (_PLAIN.fullmatch(value) and value.lower() not in _NO_STRINGS):
        return str(value)
    from hydra.core.override_parser.types import Quote, QuotedString

    # a string of the configuration may refer to others by ${...}: this one is meant as it stands
    return QuotedString(value.replace("${", "\\${"), Quote.double).with_quotes()


def start(script: str, flags: argparse.ArgumentParser, recipe: Sequence[str] = ()) -> NoReturn:
    """Translate this process's arguments, print the command, and become it."""
    words, rest = _parted(sys.argv[1:])
    parsed = flags.parse_args(words)
    if find_spec("hydra") is None:
        sys.exit(
            f"{script}: {sys.executable} lacks what {ROOT / 'requirements.txt'} names: pip install -r it first"
        )
    given = [*overrides(parsed, recipe), *rest]
    # Hydra takes overrides in one piece only: a sweep that the user asks for comes first as well
    sweep = ["-m"] if {"-m", "--multirun"} & set(given) else []
    arguments = [*sweep, *(word for word in given if word not in ("-m", "--multirun"))]
    if not arguments:  # the bare program would explain itself, and this is a script that runs
        flags.error(f"nothing to do: {script} --model NAME")
    path = _python_path()
    shown = [_python(), "-m", "contexttune", *arguments]
    variables = f"PYTHONPATH={shlex.quote(path)} " if path else ""
    print(variables + shlex.join(shown), flush=True)
    environment = {**os.environ, **({"PYTHONPATH": path} if path else {})}
    os.execve(sys.executable, [sys.executable, *shown[1:]], environment)


def _names(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield from (name for name in re.split(r"[,\s]+", word) if name)


def _new_group(run_id: str | None) -> str:
    """A group of this second. The default name is made of the settings, which only the program knows."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"group_id={quoted(f'{run_id}-{stamp}') if run_id else '${default_group_id:}-' + stamp}"


def _parted(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """What comes before the first `--`, and what after it."""
    at = words.index("--") if "--" in words else len(words)
    return list(words[:at]), list(words[at + 1 :])


def _python() -> str:
    """The interpreter that runs this, by the name that a shell finds it under."""
    found = shutil.which("python")
    return "python" if found and Path(found) == Path(sys.executable) else sys.executable


def _python_path() -> str | None:
    """PYTHONPATH, when without it Python would not take the package that this script belongs to."""
    spec = find_spec("contexttune")
    if Path.cwd() == ROOT or (spec and spec.origin and Path(spec.origin).is_relative_to(ROOT)):
        return None
    return os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
