"""Files of attempts, which agents, tests or whoever sent a results directory have written: read with care."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.paths import Layout

LARGEST_MB = 64  # of a record that is read whole


@dataclass(frozen=True, kw_only=True)
class Files:
    """Reads regular files; links are followed where they stay in the directory that holds results or artifacts."""

    layout: Layout

    def record(self, path: Path) -> dict[str, Any]:
        """A mapping; empty where there is none, it is too large, or a process was killed while it wrote it."""
        try:
            if not self._is_ours(path) or path.stat().st_size > LARGEST_MB * 10**6:
                return {}
            found = _parsed(path.read_bytes())
        except (OSError, ValueError, RecursionError):  # the last: brackets in brackets
            return {}
        return found if isinstance(found, dict) else {}

    def tail(self, path: Path, n_bytes: int) -> str | None:
        """The last `n_bytes` as text; None where there is no such file."""
        try:
            if not self._is_ours(path):
                return None
            with path.open("rb") as source:
                source.seek(max(0, path.stat().st_size - n_bytes))
                return source.read(n_bytes).decode(errors="replace")
        except OSError:
            return None

    def _is_ours(self, path: Path) -> bool:
        """Not a pipe or device, which would wait for ever, nor a link to what its owner sees and its sender does not."""
        homes = (self.layout.results.parent, self.layout.artifacts.parent)
        is_inside = not path.is_symlink() or any(
            path.resolve().is_relative_to(home.resolve()) for home in homes
        )
        return is_inside and path.is_file()


def _parsed(raw: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(raw)
    except ValueError:  # also for lone surrogates, which orjson refuses
        return json.loads(raw)
