"""What is wrong with a file and will be wrong the next time too: a warning once, and not once for each time."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Complaints:
    """Of one module: which files it has complained of, and for what."""

    log: logging.Logger
    _made: set[tuple[Path, str]] = field(default_factory=set)

    def make(self, path: Path, verb: str, message: str, *args: object) -> None:
        """Warn of `path` unless that was done; then it is for whoever debugs."""
        self.log.log(logging.DEBUG if self.stands(path, verb) else logging.WARNING, message, *args)
        self._made.add((path, verb))

    def stands(self, path: Path, verb: str) -> bool:
        """Whether the last time `verb` failed."""
        return (path, verb) in self._made

    def withdraw(self, path: Path, verb: str) -> None:
        """It has worked."""
        self._made.discard((path, verb))
