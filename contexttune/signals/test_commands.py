"""Test commands that a repository states in its configuration and its guides."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

_RUNS_TESTS = re.compile(
    r"\bpytest\b|\bpy\.test\b|\bunittest\b|\bnosetests\b|\bnose2?\b|\bruntests\b|\bbin/test\b|\btrial\b"
    r"|\bmanage\.py\s+test\b|\bsetup\.py\s+test\b"
)
_PROSE_COMMAND = re.compile(
    r"^[ \t>*-]*(?:\$[ \t]+|`+(?:\$[ \t]*)?)?((?:(?:python3?|coverage)[ \t]+(?:run[ \t]+)?(?:-m[ \t]+)?)?"
    r"(?:pytest|py\.test|tox|nox|unittest|nosetests|make[ \t]+test|(?:\./|tests/)*runtests\.py|(?:\./)?bin/test"
    r"|setup\.py[ \t]+test|manage\.py[ \t]+test)(?:[ \t]+[-\w./:=\[\]{}\"']+){0,8})`*[ \t]*$",
    re.MULTILINE,
)
_TARGET = re.compile(
    r"^(?:test|tests|check)[ \t]*:(?!=)[^\n]*\n((?:\t[^\n]*(?:\n|\Z)|[ \t]*\n)+)", re.MULTILINE
)
_SESSION_RUN = re.compile(r"session\.run\(((?:[^()'\"]++|\"[^\"\n]*+\"|'[^'\n]*+')*+)")
_LITERAL = re.compile(r"\"([^\"\n]*)\"|'([^'\n]*)'")


def tox_commands(text: str) -> Iterator[str]:
    """Test commands of a tox.ini: the default environment's first."""
    sections = ini_sections(text)
    ordered = sorted(sections, key=lambda name: (name != "testenv", name))
    for name in ordered:
        if name == "testenv" or name.startswith("testenv:"):
            lines = _joined(sections[name].get("commands", ""))
            yield from (line for line in lines if _RUNS_TESTS.search(line))


def toml_commands(text: str) -> Iterator[str]:
    """Test commands of a pyproject.toml: tox inside it, and scripts named after tests."""
    tools = toml_table(text).get("tool", {})
    if not isinstance(tools, dict):
        return
    inner = tools.get("tox", {})
    if isinstance(inner, dict) and isinstance(inner.get("legacy_tox_ini"), str):
        yield from tox_commands(inner["legacy_tox_ini"])
    for name, line in _scripts(tools):
        if "test" in name and _RUNS_TESTS.search(line):
            yield line


def make_commands(text: str) -> Iterator[str]:
    """Recipe of the `test` (or `check`) target of a Makefile."""
    for target in _TARGET.finditer(text):
        for line in _joined(target[1]):
            command = line.lstrip("@-+").strip()
            if command and not command.startswith(("echo ", "#")):
                yield command


def nox_commands(text: str) -> Iterator[str]:
    """`session.run(...)` calls of a noxfile that run tests, as a command line of their literal arguments."""
    for call in _SESSION_RUN.finditer(text):
        line = " ".join(found[1] or found[2] or "" for found in _LITERAL.finditer(call[1])).strip()
        if _RUNS_TESTS.search(line):
            yield line


def prose_commands(text: str) -> Iterator[str]:
    """Lines of a contributor's guide that consist of a test command."""
    for found in _PROSE_COMMAND.finditer(text[:200_000]):
        yield found[1].strip()


def no_commands(text: str) -> Iterator[str]:
    """No commands: the reader of files that only configure a framework."""
    del text
    return iter(())


# file -> its reader; commands are listed in this order
READERS: Mapping[str, Callable[[str], Iterator[str]]] = {
    "tox.ini": tox_commands,
    "pyproject.toml": toml_commands,
    "noxfile.py": nox_commands,
    "Makefile": make_commands,
    "makefile": make_commands,
    "GNUmakefile": make_commands,
    "CONTRIBUTING.rst": prose_commands,
    "CONTRIBUTING.md": prose_commands,
    "CONTRIBUTING.txt": prose_commands,
    "CONTRIBUTING": prose_commands,
    ".github/CONTRIBUTING.md": prose_commands,
    ".github/CONTRIBUTING.rst": prose_commands,
    "pytest.ini": no_commands,
    ".pytest.ini": no_commands,
    "setup.cfg": no_commands,
    "conftest.py": no_commands,
}


@lru_cache(maxsize=16)  # several readers parse the same file
def ini_sections(text: str) -> Mapping[str, Mapping[str, str]]:
    """Sections of an INI file; empty when it cannot be parsed."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, default_section="\0")
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    return {name: {k: v or "" for k, v in parser.items(name)} for name in parser.sections()}


def toml_table(text: str) -> dict[str, Any]:
    """Content of a TOML file; empty when it cannot be parsed."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _joined(block: str) -> Iterator[str]:
    """Command lines of a block, with continuation lines joined and white space squeezed."""
    for line in block.replace("\\\n", " ").splitlines():
        words = line.split()
        if words and not words[0].startswith("#"):
            yield " ".join(words)


def _scripts(tools: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    envs = tools.get("hatch", {}).get("envs", {}) if isinstance(tools.get("hatch"), dict) else {}
    for env in envs.values() if isinstance(envs, dict) else ():
        scripts = env.get("scripts", {}) if isinstance(env, dict) else {}
        for name, line in scripts.items() if isinstance(scripts, dict) else ():
            if isinstance(line, str):
                yield name, line
