"""The commands of a document, and what a machine without images, a registry or a model needs added to them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.command_line import contexttune, environment

ROOT = Path(__file__).parent.parent
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_AFTER_THE_WORDS = re.compile(r"\s+(?=[>&|;])|$")  # a redirection, a background job, another command


@dataclass(frozen=True, kw_only=True)
class Document:
    """`extra` has for each command, by a part of it, the words that are appended: None where it has a test of its own.

    The first part that a command holds counts, so the special ones come first.
    """

    name: str
    extra: Mapping[str, Sequence[str] | None]

    @cached_property
    def fences(self) -> list[tuple[str, str]]:
        """(language, text) of each block of code."""
        return _FENCE.findall((ROOT / self.name).read_text(encoding="utf-8"))

    @property
    def commands(self) -> list[str]:
        """Lines of the bash blocks, continued lines in one."""
        bash = "".join(text for language, text in self.fences if language == "bash")
        return bash.replace("\\\n", "").splitlines()

    def one(self, part: str) -> str:
        """The only command that holds `part`."""
        (command,) = [command for command in self.commands if part in command]
        return command

    def is_known(self, command: str) -> bool:
        return any(part in command for part in self.extra)

    def adapted(self, command: str) -> str | None:
        """The command with its words appended; None: it has a test of its own."""
        words = next(words for part, words in self.extra.items() if part in command)
        if words is None:
            return None
        after = f" {shlex.join(words)}" if words else ""
        return _AFTER_THE_WORDS.sub(lambda found: f"{after}{found[0]}", command, count=1)

    @property
    def runnable(self) -> list[str]:
        return [made for command in self.commands if (made := self.adapted(command)) is not None]


def typed(command: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m contexttune ...` as typed in a checkout, read by bash."""
    script = f'python() {{ printf "%s\\0" "$@"; }}\n{command}'
    read = subprocess.run(["bash", "-ec", script], cwd=cwd, capture_output=True, text=True, check=True)
    flag, name, *words = read.stdout.removesuffix("\0").split("\0")
    assert (flag, name) == ("-m", "contexttune")
    return contexttune(*words, cwd=cwd, **env)


def shell(script: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Commands as someone types them in a checkout, with our interpreter as `python`. Ends at the first that fails."""
    for part in ("scripts", "requirements.txt"):
        if not (cwd / part).exists():
            (cwd / part).symlink_to(ROOT / part)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-ex", "-c", script],
        cwd=cwd,
        env=environment(PATH=path, **env),
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
