"""Which file an import means, by the paths of a commit alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property, partial
from typing import NamedTuple

# Names of the standard library that a file of a repository is likely to bear too. Spelled out, because
# `sys.stdlib_module_names` differs between versions and a graph must not.
_STANDARD_NAMES = """
abc argparse array ast asyncio base64 bisect builtins calendar cgi cmath cmd code codecs collections
colorsys compileall concurrent configparser contextlib copy copyreg csv ctypes curses dataclasses
datetime dbm decimal difflib dis distutils doctest email enum errno faulthandler fnmatch formatter
fractions ftplib functools gc getopt getpass gettext glob graphlib grp gzip hashlib heapq hmac html http
imaplib imp importlib inspect io ipaddress itertools json keyword linecache locale logging lzma mailbox
marshal math mimetypes mmap multiprocessing netrc numbers operator optparse os parser pathlib pdb pickle
pickletools pipes pkgutil platform plistlib poplib posixpath pprint profile pstats pty pwd py_compile
pyclbr pydoc queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select
selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 ssl stat statistics string
stringprep struct subprocess symbol symtable sys sysconfig syslog tarfile telnetlib tempfile termios
test textwrap threading time timeit tkinter token tokenize tomllib trace traceback tracemalloc tty
turtle types typing unicodedata unittest urllib uuid venv warnings wave weakref webbrowser wsgiref
xdrlib xml xmlrpc zipapp zipfile zipimport zlib zoneinfo
"""
_STANDARD = frozenset(_STANDARD_NAMES.split())
_TEST_DIR = re.compile(r"(?:^|/)_?tests?(?:ing)?(?:[-_.][^/]*)?(?:/|$)", re.IGNORECASE)
_INIT = "__init__.py"


class Place(NamedTuple):
    """What a dotted name means: a module's file, or a directory with what can be imported from it."""

    file: str | None  # None: a directory without `__init__.py`
    children: Mapping[str, str] | None  # submodule -> its file; None: not a directory


class Modules:
    """The Python modules of a commit, addressable by dotted name."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.paths = frozenset(paths)
        self._memo: dict[tuple[str, bool], _Places] = {}
        self._visible: dict[tuple[str, str], tuple[str, ...]] = {}
        self._found: dict[tuple[tuple[str, ...], str], Place | None] = {}
        self._names: dict[str, str] = {"": ""}  # directory -> dotted name, "" for one that is no package

    @cached_property
    def packages(self) -> frozenset[str]:
        """Directories with an `__init__.py`."""
        return frozenset(_parent(path) for path in self.paths if _leaf(path) == _INIT)

    @cached_property
    def roots(self) -> dict[str, list[str]]:
        """First part of a dotted name -> directories to look it up in, the most likely first."""
        found: dict[str, set[str]] = {}
        for package in self.packages:
            if package and _parent(package) not in self.packages:
                found.setdefault(_leaf(package), set()).add(_parent(package))
        for path in self.paths:
            for root in ("", "src", "lib"):
                if not root or path.startswith(root + "/"):
                    top = path[len(root) + 1 if root else 0 :].partition("/")[0]
                    found.setdefault(top.removesuffix(".py"), set()).add(root)
        return {top: sorted(roots, key=lambda r: (r.count("/") + bool(r), r)) for top, roots in found.items()}

    def name_of(self, path: str) -> str:
        """Dotted name by which code would import the file at `path`."""
        directory, _, leaf = path.rpartition("/")
        package, stem = self._package(directory), leaf.removesuffix(".py")
        if leaf == _INIT:
            return package or stem
        return f"{package}.{stem}" if package else stem

    def prepare(self) -> None:
        """Work out now what answers are looked up in."""
        _ = self.roots, self._children

    def _package(self, directory: str) -> str:
        if directory not in self._names:
            around = self._package(_parent(directory)) if directory in self.packages else ""
            name = _leaf(directory) if directory in self.packages else ""
            self._names[directory] = f"{around}.{name}" if around else name
        return self._names[directory]

    def places(self, directory: str, implicit: bool) -> Mapping[tuple[int, str], Place | None]:
        """(level, module) -> what that means in a file of `directory`; None: nothing of this repository.

        `level` counts leading dots. `implicit` also tries the directory itself, as Python 2 and scripts do.
        """
        if (directory, implicit) not in self._memo:
            self._memo[directory, implicit] = _Places(self, directory, implicit)
        return self._memo[directory, implicit]

    def _place(self, directory: str, level: int, module: str, implicit: bool) -> Place | None:
        if level:
            return self._relative(directory, level, module)
        top = module.partition(".")[0]
        found = self._absolute(directory, top, module) if top in self.roots else None
        if found is None and implicit and top not in _STANDARD:
            return self._existing(_join(directory, module))
        return found

    def _relative(self, directory: str, level: int, module: str) -> Place | None:
        for _ in range(level - 1):
            if not directory:
                return None
            directory = _parent(directory)
        return self._existing(_join(directory, module) if module else directory)

    def _absolute(self, directory: str, top: str, module: str) -> Place | None:
        if (directory, top) not in self._visible:
            self._visible[directory, top] = tuple(self._searched(directory, self.roots[top]))
        key = (self._visible[directory, top], module)
        if key not in self._found:
            places = (self._existing(_join(root, module)) for root in key[0])
            self._found[key] = next((place for place in places if place is not None), None)
        return self._found[key]

    def _searched(self, directory: str, roots: Iterable[str]) -> Iterator[str]:
        """Roots around the importer first; one below tests only for what lies in it."""
        around = [root for root in roots if root and f"{directory}/".startswith(f"{root}/")]
        yield from reversed(around)
        yield from (root for root in roots if root not in around and not _TEST_DIR.search(root))

    def _existing(self, place: str) -> Place | None:
        package = f"{place}/{_INIT}" if place else _INIT
        if package in self.paths:
            return Place(package, self._children.get(place, {}))
        if f"{place}.py" in self.paths:
            return Place(f"{place}.py", None)
        return Place(None, self._children[place]) if place in self._children else None

    @cached_property
    def _children(self) -> dict[str, dict[str, str]]:
        """Directory -> name -> file, for every directory with Python files somewhere below it."""
        found: dict[str, dict[str, str]] = {}
        for path in self.paths:
            directory, leaf = _parent(path), _leaf(path)
            if leaf != _INIT and path[:-3] not in self.packages:
                found.setdefault(directory, {})[leaf[:-3]] = path
        for package in self.packages:
            found.setdefault(_parent(package), {})[_leaf(package)] = _join(package, _INIT)
        for directory in list(found):
            while directory := _parent(directory):
                found.setdefault(directory, {})
        return found


class _Places(dict[tuple[int, str], Place | None]):
    """Answers of one directory, each worked out when it is first asked for."""

    def __init__(self, modules: Modules, directory: str, implicit: bool) -> None:
        super().__init__()
        self._ask = partial(modules._place, directory)
        self._implicit = implicit

    def __missing__(self, key: tuple[int, str]) -> Place | None:
        self[key] = found = self._ask(*key, self._implicit)
        return found


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _leaf(path: str) -> str:
    return path.rpartition("/")[2]


def _join(directory: str, name: str) -> str:
    tail = name if name == _INIT else name.replace(".", "/")
    return f"{directory}/{tail}" if directory else tail
