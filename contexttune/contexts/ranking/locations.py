"""Files that an issue names by path, by module or in a stack trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile

from contexttune.contexts.ranking.issue import Issue

_OUTER = 0.7  # weight of a stack frame, relative to the frame inside it


def named_files(issue: Issue, modules: Mapping[str, str]) -> dict[str, float]:
    """Path -> weight, up to 1, of the files in `modules` (path -> dotted name) that the issue names."""
    by_name: dict[str, list[str]] = {}
    for path in sorted(modules):
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    found: dict[str, float] = {}
    _add(found, issue.paths, 1.0, by_name)
    weight = 1.0
    for frame, _ in reversed(issue.frames):
        if _add(found, [frame], weight, by_name):
            weight *= _OUTER
    for path in _modules(issue.dotted, modules):
        found[path] = max(found.get(path, 0.0), 0.7)
    return found


def _add(
    found: dict[str, float], mentions: Iterable[str], weight: float, by_name: Mapping[str, list[str]]
) -> bool:
    """Add the files whose paths match, which share the weight; return whether there are any."""
    any_match = False
    for mention in mentions:
        for path in (paths := _longest_suffix_matches(mention, by_name)):
            found[path] = max(found.get(path, 0.0), weight / len(paths))
            any_match = True
    return any_match


def _longest_suffix_matches(mention: str, by_name: Mapping[str, list[str]]) -> list[str]:
    """The files whose paths share the longest end with `mention`, which may be absolute or a bare name."""
    parts = mention.split("/")
    candidates = by_name.get(parts[-1], [])
    shared = {path: _n_shared(path.split("/"), parts) for path in candidates}
    most = max(shared.values(), default=0)
    return [path for path in candidates if shared[path] == most]


def _n_shared(path: list[str], parts: list[str]) -> int:
    pairs = zip(reversed(path), reversed(parts), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _modules(dotted: Iterable[str], modules: Mapping[str, str]) -> list[str]:
    """The longest module prefix of each dotted name; a top-level package alone does not count."""
    paths = {name: path for path, name in modules.items() if "." in name}
    found = []
    for name in dotted:
        while name and name not in paths:
            name = name.rpartition(".")[0]
        found += [paths[name]] if name else []
    return found
