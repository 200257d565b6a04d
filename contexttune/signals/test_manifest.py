"""How a repository runs its tests, from its own configuration."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from contexttune.interfaces import Signal
from contexttune.repos.git import Tree
from contexttune.signals.python.python_files import MAX_BYTES, PythonFiles
from contexttune.signals.python.source import printable
from contexttune.signals.test_commands import READERS, ini_sections, toml_table

_TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_tests?|tests)\.py\Z")
_TEST_DIR = re.compile(r"(?:^|.*/)_?(?:tests?|testing)\Z", re.IGNORECASE)
_RUNNERS = (
    "tests/runtests.py",
    "runtests.py",
    "test/runtests.py",
    "bin/test",
)  # scripts that some repositories have
_MAX_COMMANDS = 8
_MAX_CONFIG_BYTES = 1_000_000


@dataclass(frozen=True, kw_only=True)
class TestManifest(Signal):
    """{"framework", "directories", "files", "config_files", "commands"}.

    `framework` is pytest, unittest, django, nose or unknown; `commands` are at most 8 lines of the repository's
    own, the most specific first, or one derived from the framework when there are none.
    """

    __test__: ClassVar[bool] = False  # pytest would collect a class of this name
    name: str = "test_manifest"
    version: ClassVar[int] = 1
    max_bytes: int = MAX_BYTES

    def extract(self, tree: Tree) -> dict[str, Any]:
        """Paths sorted, commands in the order of their source."""
        texts = _config_texts(tree)
        python = tree.shared(PythonFiles)
        files = sorted(path for path in python.blobs if _TEST_FILE.search(path))
        directories = sorted(_test_directories(python.blobs))
        commands = {name: list(_commands(name, text)) for name, text in texts.items()}
        said = [line for lines in commands.values() for line in lines]
        framework = _framework(texts, said) or self._imported(python, files)
        return {
            "framework": framework,
            "directories": [printable(path) for path in directories],
            "files": [printable(path) for path in files],
            "config_files": sorted(
                n for n in texts if commands[n] or n in _RUNNERS or _configures(n, texts[n])
            ),
            "commands": list(dict.fromkeys(said))[:_MAX_COMMANDS] or _derived(framework, directories, files),
        }

    def _imported(self, python: PythonFiles, files: Iterable[str]) -> str:
        """The framework that most test files import."""
        scanned = python.scanned(self.max_bytes)
        counts = dict.fromkeys(("pytest", "unittest", "nose"), 0)
        for path in files:
            tops = {
                str(module).partition(".")[0]
                for _, module, _ in scanned[python.blobs[path]].get("imports", ())
            }
            for name in tops & counts.keys():
                counts[name] += 1
        name, n = max(counts.items(), key=lambda item: (item[1], item[0]))
        return name if n else "unknown"


def _config_texts(tree: Tree) -> dict[str, str]:
    """Path -> text of the files that may state how tests are run, the most trusted first."""
    entries = {name: tree.by_path.get(name) for name in (*_RUNNERS, *READERS)}
    blobs = {name: entry.blob for name, entry in entries.items() if entry is not None and entry.is_file}
    contents = dict(tree.read(sorted(set(blobs.values()))))
    raw = {name: contents[blob][:_MAX_CONFIG_BYTES] for name, blob in blobs.items()}
    return {name: content.decode("utf-8", "replace").replace("\r\n", "\n") for name, content in raw.items()}


def _commands(name: str, text: str) -> Iterator[str]:
    if name in _RUNNERS:
        yield f"python {name}"
    else:
        yield from READERS[name](text)


def _configures(name: str, text: str) -> bool:
    """Whether a file contains settings of pytest or nose."""
    if name in ("pytest.ini", ".pytest.ini", "conftest.py"):
        return True
    if name in ("setup.cfg", "tox.ini"):
        return not ini_sections(text).keys().isdisjoint(("tool:pytest", "pytest", "nosetests"))
    tools = toml_table(text).get("tool", {}) if name == "pyproject.toml" else {}
    return isinstance(tools, dict) and "pytest" in tools


def _framework(texts: Mapping[str, str], said: Iterable[str]) -> str | None:
    if any(name.endswith("runtests.py") and "django" in texts[name] for name in texts):
        return "django"
    lines = "\n".join(said)
    if "manage.py test" in lines:
        return "django"
    nose = "nosetests" in lines or "nosetests" in ini_sections(texts.get("setup.cfg", ""))
    if "pytest" in lines or "py.test" in lines:
        return "pytest"
    if any(_configures(name, text) for name, text in texts.items()) and not nose:
        return "pytest"
    if nose:
        return "nose"
    return "unittest" if "unittest" in lines else None


def _test_directories(paths: Iterable[str]) -> set[str]:
    """The outermost directories named after tests."""
    found = set()
    for directory in {path.rpartition("/")[0] for path in paths}:
        parts = directory.split("/")
        for depth in range(1, len(parts) + 1):
            if _TEST_DIR.match(parts[depth - 1]):
                found.add("/".join(parts[:depth]))
                break
    return found


def _derived(framework: str, directories: list[str], files: list[str]) -> list[str]:
    if not files and not directories:
        return []
    where = printable(directories[0]) if len(directories) == 1 else ""
    if framework == "unittest":
        return [f"python -m unittest discover {where}".rstrip()]
    return [f"python -m pytest {where}".rstrip()]
