"""One model for several stages of a run, so that its server is started once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Self

from contexttune.interfaces import Model


@dataclass
class SharedModel:
    """Enters the model for the first of its concurrent users and exits it after the last. Thread-safe."""

    model: Model
    _n_users: int = 0
    _is_checked: bool = False
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def preflight(self) -> None:
        """Run the model's own preflight until it has succeeded once."""
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
