"""The signals stage: writes signals.json for a commit, and extracts again only what is out of date."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from contexttune.config.build import settings_of
from contexttune.interfaces import Signal
from contexttune.repos.git import Tree
from contexttune.signals.python import scan
from contexttune.system.files import fingerprint, write_atomic
from contexttune.system.gc_pause import gc_paused

log = logging.getLogger(__name__)

SCHEMA_VERSION = 1


def write_signals(tree: Tree, signals: Sequence[Signal], path: Path) -> dict[str, Any]:
    """Return {signal name: facts}. Facts that `path` lacks or that are out of date are extracted and written there.

    Other signals in the file stay. Raises ArtifactError when git cannot read the commit.
    """
    with gc_paused():
        file = _read(path, tree)
        versions = {signal.name: _version(signal) for signal in signals}
        stale = [signal for signal in signals if file["versions"].get(signal.name) != versions[signal.name]]
        if stale:
            log.debug("%s@%s: extracting %s", tree.repo, tree.commit, ", ".join(s.name for s in stale))
            file["signals"] |= {signal.name: signal.extract(tree) for signal in stale}
            file["versions"] |= versions
            write_atomic(path, dump_lines(file), durable=False)
        return {signal.name: file["signals"][signal.name] for signal in signals}


def dump_lines(value: Any) -> bytes:
    """Sorted JSON for people and diffs: one line for each key of a dict, and one for a whole list."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    return orjson.dumps(_folded(value), option=options)


def _folded(value: Any) -> Any:
    """`value` with its lists encoded, since orjson would indent their items.

    Encoded lists are copied, because the bytes that orjson returns occupy several kilobytes.
    """
    if isinstance(value, dict):
        return {key: _folded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return orjson.Fragment(bytes(memoryview(orjson.dumps(value, option=orjson.OPT_SORT_KEYS))))
    return value


def _version(signal: Signal) -> str:
    return fingerprint([settings_of(signal), scan.VERSION])


def _read(path: Path, tree: Tree) -> dict[str, Any]:
    """Content of the file; without facts when it is missing, damaged or about another commit."""
    empty: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "repo": tree.repo,
        "base_commit": tree.commit,
        "signals": {},
        "versions": {},
    }
    try:
        found = orjson.loads(path.read_bytes())
    except FileNotFoundError:
        return empty
    except (OSError, orjson.JSONDecodeError) as error:
        log.warning("%s is damaged and is written again: %s", path, error)
        return empty
    return found if _is_valid(found, empty) else empty


def _is_valid(found: Any, empty: dict[str, Any]) -> bool:
    if not isinstance(found, dict) or found.keys() != empty.keys():
        return False
    same = all(found[key] == empty[key] for key in ("schema_version", "repo", "base_commit"))
    maps = isinstance(found["signals"], dict) and isinstance(found["versions"], dict)
    return same and maps and found["versions"].keys() <= found["signals"].keys()
