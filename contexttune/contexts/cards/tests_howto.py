"""How this repository runs its tests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.contexts.cards.source_files import is_unambiguous
from contexttune.interfaces import Card

_POSARGS = re.compile(r"\{posargs(?::([^{}]*))?\}")
_ENVIRONMENT = re.compile(r"\{env:\w+(?::([^{}]*))?\}")
_FACTORS = re.compile(r"^[!\w{},.-]+:[ \t]+")  # tox's condition on environments: "py39-!double: pytest"
_PYTHON = re.compile(r"\$[({]PYTHON\d?[)}]")
_VARIABLE = re.compile(r"\$[({]\w+[)}]")


@dataclass(frozen=True, kw_only=True)
class TestsHowto(Card):
    """Test framework, test commands from the repository's configuration, and test directories."""

    __test__ = False  # pytest would collect it by its name
    version: ClassVar[int] = 1
    name: str = "tests_howto"
    n_commands: int = 3
    max_command_chars: int = 120  # longer ones are written for CI
    n_directories: int = 4

    def render(self, signals: Mapping[str, Any]) -> str | None:
        manifest = signals["test_manifest"]
        commands = dict.fromkeys(_plain(command) for command in manifest["commands"])
        short = [command for command in commands if 0 < len(command) <= self.max_command_chars]
        lines = [f"- run: `{command}`" for command in short[: self.n_commands]]
        if manifest["framework"] != "unknown":
            lines.append(f"- framework: {manifest['framework']}")
        directories = [directory for directory in manifest["directories"] if is_unambiguous(directory)]
        if directories:
            named = ", ".join(f"`{d}/`" for d in directories[: self.n_directories])
            lines.append(f"- {len(manifest['files'])} test files, in {named}")
        return "\n".join(lines) or None


def _plain(command: str) -> str:
    """The command as typed: placeholders of tox are replaced by their defaults, make variables other than the interpreter removed."""
    defaulted = _FACTORS.sub("", command)
    for placeholder in (_POSARGS, _ENVIRONMENT):
        defaulted = placeholder.sub(lambda match: match[1] or "", defaulted)
    defaulted = _VARIABLE.sub("", _PYTHON.sub("python", defaulted))
    return " ".join(defaulted.replace("{toxinidir}/", "").split())
