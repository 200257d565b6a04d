"""A model that several stages of a run use, which it must not start twice for."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self

from contexttune.interfaces import Model


@dataclass
class Held:
    """Enters the model for the first of those who use it at a time, and leaves it after the last. Threads may share it."""

    model: Model
    _n_users: int = 0
    _is_checked: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def preflight(self) -> None:
        """The model's own, until it has succeeded once."""
        with self._lock:
            if not self._is_checked:
                self.model.preflight()
            self._is_checked = True

    def __enter__(self) -> Self:
        with self._lock:
            if not self._n_users:
                self.model.__enter__()
            self._n_users += 1
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._n_users -= 1
            if not self._n_users:
                self.model.__exit__(*exc)
