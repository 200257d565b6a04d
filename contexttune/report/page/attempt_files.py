"""Read untrusted files of attempts, written by agents, tests or the sender of a results directory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contexttune.paths import Layout

MAX_MB = 64  # size of a record


@dataclass(frozen=True, kw_only=True)
class Files:
    """Reads regular files, and links that stay within the directories of results and artifacts."""

    layout: Layout

    def record(self, path: Path) -> dict[str, Any]:
        """Read a JSON object; {} if it is absent, too large or damaged."""
        try:
            if not self._is_allowed(path) or path.stat().st_size > MAX_MB * 10**6:
                return {}
            found = _parsed(path.read_bytes())
        except (OSError, ValueError, RecursionError):  # RecursionError: deeply nested brackets
            return {}
        return found if isinstance(found, dict) else {}

    def tail(self, path: Path, n_bytes: int) -> str | None:
        """The last `n_bytes` as text; None if there is no such file."""
        try:
            if not self._is_allowed(path):
                return None
            with path.open("rb") as source:
                source.seek(max(0, path.stat().st_size - n_bytes))
                return source.read(n_bytes).decode(errors="replace")
        except OSError:
            return None

    def _is_allowed(self, path: Path) -> bool:
        """Exclude pipes and devices, which would block, and links out of the results directory."""
        homes = (self.layout.results.parent.resolve(), self.layout.artifacts.parent.resolve())
        is_inside = not path.is_symlink() or any(map(path.resolve().is_relative_to, homes))
        return is_inside and path.is_file()


def _parsed(raw: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(raw)
    except ValueError:  # also for lone surrogates, which orjson refuses
        return json.loads(raw)
