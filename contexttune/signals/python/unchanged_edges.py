"""Which imports of another commit still hold in this one, by what was added and removed between them.

What an import means depends on which paths exist, and on few of them: those that end as it ends. So a file
keeps its edges unless it changed, it imports something that is called like a path that came or went, or it
lies where one did. To see that, imports need not be decoded. tests/signals/python/test_unchanged_edges.py holds this
against resolving everything anew.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate

import orjson

_INIT = "__init__.py"
_MAX_PLACES = 60  # with more it is quicker to resolve all anew


def still_true(
    kept: Mapping[str, list[str]], files: Mapping[str, str], imports: Mapping[str, bytes]
) -> dict[str, list[str]]:
    """Path -> sorted paths it imports, for files of which that is sure.

    `kept` has for each Python path of the other commit its blob and then its targets; `files` is path -> blob
    of this one, and `imports` is blob -> JSON of the import statements.
    """
    changed = kept.keys() ^ files.keys()
    places = _places(changed, kept, files)
    if len(places) > _MAX_PLACES:
        return {}
    usable = imports.keys() - _mentioning(imports, places)
    around = tuple({f"{place}/" for path in changed for place in _made_by(path)})
    return {
        path: lists[1:]
        for path, lists in kept.items()
        if files.get(path) == lists[0] and lists[0] in usable and not path.startswith(around)
    }


def _places(changed: Iterable[str], before: Iterable[str], after: Iterable[str]) -> set[str]:
    """Modules and directories, with `/`, of which an import may find another thing than before."""
    places = {place for path in changed for place in _made_by(path)}
    if not places:
        return places
    packages = {_parent(path) for path in (*before, *after) if _leaf(path) == _INIT}
    # a package inside one that is new is no longer looked up by its own name, and the reverse
    places |= {package for package in packages if _parent(package) in places}
    return places | (_directories(before) ^ _directories(after))


def _made_by(path: str) -> tuple[str, ...]:
    """What can be imported because of a path."""
    module = path.removesuffix(".py")
    return (module, _parent(path)) if _leaf(path) == _INIT else (module,)


def _mentioning(imports: Mapping[str, bytes], places: Iterable[str]) -> set[str]:
    """Blobs that import something which begins like one of `places`, or ends like one."""
    text, blobs = b"".join(imports.values()), list(imports)
    starts = list(accumulate(map(len, imports.values()), initial=0))
    found: set[int] = set()
    for parent, name in {(_json(_leaf(_parent(place))), _json(_leaf(place))) for place in places}:
        if name is not None:
            found.update(_occurrences(text, b'"%s.' % name))
            ends = _occurrences(text, b'%s"' % name)
            found.update(at for at in ends if _may_mean(text, at, at + len(name), parent or b""))
    return {blobs[bisect_right(starts, at) - 1] for at in found}


def _occurrences(text: bytes, word: bytes) -> Iterator[int]:
    at = text.find(word)
    while at >= 0:
        yield at
        at = text.find(word, at + 1)


def _may_mean(text: bytes, start: int, end: int, parent: bytes) -> bool:
    """Whether the name there may be that of something in `parent`: [level,"module",["name","name"]].

    No string of an import holds a comma, so `",[` is always the end of the module.
    """
    before = text[start - 1 : start]
    if before != b'"':
        return before in (b".", b"/") and text.endswith(parent, 0, start - 1)
    if text.startswith(b",[", end + 1):
        return True
    module_end = text.rfind(b'",[', 0, start)
    return text[module_end - 1 : module_end] == b'"' or text.endswith(parent, 0, module_end)


def _json(name: str) -> bytes | None:
    """As it stands in JSON; None: it is not UTF-8 and stands in no import."""
    try:
        return orjson.dumps(name)[1:-1]
    except TypeError:
        return None


def _directories(paths: Iterable[str]) -> set[str]:
    """All that hold one of `paths`, at any depth."""
    found: set[str] = set()
    for directory in {_parent(path) for path in paths}:
        while directory not in found:
            found.add(directory)
            directory = _parent(directory)
    return found


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _leaf(path: str) -> str:
    return path.rpartition("/")[2]
