"""Which files an issue names: by path, by module, in a stack trace."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contexttune.contexts.ranking.issue import Issue

_OUTER = 0.7  # what a frame counts of the one inside it


def named_files(issue: Issue, modules: Mapping[str, str]) -> dict[str, float]:
    """Path -> weight up to 1, of the files in `modules` (path -> dotted name) that the issue names."""
    by_name: dict[str, list[str]] = {}
    for path in sorted(modules):
        by_name.setdefault(path.rpartition("/")[2], []).append(path)
    found: dict[str, float] = {}
    _note(found, issue.paths, 1.0, by_name)
    weight = 1.0
    for frame, _ in reversed(issue.frames):
        if _note(found, [frame], weight, by_name):
            weight *= _OUTER
    for path in _modules(issue.dotted, modules):
        found[path] = max(found.get(path, 0.0), 0.7)
    return found


def _note(
    found: dict[str, float], said: Iterable[str], weight: float, by_name: Mapping[str, list[str]]
) -> bool:
    """Add the files that end as is said; where several do, they share the weight."""
    any_of_it = False
    for text in said:
        for path in (paths := _ending(text, by_name)):
            found[path] = max(found.get(path, 0.0), weight / len(paths))
            any_of_it = True
    return any_of_it


def _ending(said: str, by_name: Mapping[str, list[str]]) -> list[str]:
    """The files whose path shares the longest end with `said`, which may be absolute or only a name."""
    parts = said.split("/")
    candidates = by_name.get(parts[-1], [])
    shared = {path: _n_shared(path.split("/"), parts) for path in candidates}
    most = max(shared.values(), default=0)
    return [path for path in candidates if shared[path] == most]


def _n_shared(path: list[str], parts: list[str]) -> int:
    n = 0
    while n < min(len(path), len(parts)) and path[-1 - n] == parts[-1 - n]:
        n += 1
    return n


def _modules(dotted: Iterable[str], modules: Mapping[str, str]) -> list[str]:
    """The modules that are the longest beginning of a dotted name; a top-level package alone says nothing."""
    paths = {name: path for path, name in modules.items() if "." in name}
    found = []
    for name in dotted:
        while name and name not in paths:
            name = name.rpartition(".")[0]
        found += [paths[name]] if name else []
    return found
