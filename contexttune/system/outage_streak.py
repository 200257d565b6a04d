"""Give up on a queue once the same outage keeps coming back."""

from __future__ import annotations

from collections import deque

_LIMIT = 3


class OutageStreak:
    """The latest consecutive outages. After three with the same message, the rest of the queue would fail too."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque(maxlen=_LIMIT)

    def add(self, message: str) -> None:
        """Count an outage."""
        self._messages.append(message)

    def end(self) -> None:
        """Start over, because something succeeded."""
        self._messages.clear()

    @property
    def repeated(self) -> str | None:
        """The message that has come three times in a row, or None."""
        full = len(self._messages) == _LIMIT
        return self._messages[0] if full and len(set(self._messages)) == 1 else None
