"""Warnings about files, each logged once however often the problem recurs."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class WarnOnce:
    """Logs the first warning about each (path, problem), and repetitions at debug level."""

    log: logging.Logger
    _warned: set[tuple[Path, str]] = field(default_factory=set)

    def warn(self, path: Path, problem: str, message: str, *args: object) -> None:
        self.log.log(logging.DEBUG if self.warned(path, problem) else logging.WARNING, message, *args)
        self._warned.add((path, problem))

    def warned(self, path: Path, problem: str) -> bool:
        """Whether the problem has been reported and not been resolved since."""
        return (path, problem) in self._warned

    def resolved(self, path: Path, problem: str) -> None:
        """Warn again if the problem recurs."""
        self._warned.discard((path, problem))
