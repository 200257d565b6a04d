"""What a user sees while a stage runs: a live table on a terminal, one line an item where there is none."""

from __future__ import annotations

import logging
import re
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

log = logging.getLogger(__name__)

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHOWN = 12  # rows of the live table; the rest is counted


def console() -> Console:
    """The one console that tables, progress and log lines share, so that they do not overwrite each other."""
    import rich

    return rich.get_console()


class ConsoleHandler(logging.Handler):
    """Log lines through the shared console, unwrapped."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(BrokenPipeError):
            # a server's or a model's words may be in it, and must not steer the terminal
            line = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", self.format(record))
            console().print(line, markup=False, highlight=False, soft_wrap=True)


@dataclass
class Progress:
    """Counts the items of a stage. Threads may share it."""

    stage: str
    total: int
    quiet_s: float = 2.0  # without a terminal, a stage shorter than this leaves its summary line alone
    _running: dict[str, float] = field(default_factory=dict)
    _done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = None
        if self.total and sys.stdout.isatty():
            self._live = Live(
                get_renderable=self._table, console=console(), refresh_per_second=4, transient=True
            )
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()
        if kind is None and self.total:
            log.info(
                "%s: %d of %d in %.1f s", self.stage, self._done, self.total, time.monotonic() - self._started
            )

    def start(self, item: str) -> None:
        with self._lock:
            self._running[item] = time.monotonic()

    def finish(self, item: str, result: str, *, detail: bool = True) -> None:
        """Count an item; `detail` False leaves it out of the log unless the stage takes long."""
        with self._lock:
            took_s = time.monotonic() - self._running.pop(item, time.monotonic())
            self._done += 1
            slow = time.monotonic() - self._started > self.quiet_s
            if detail or slow:
                log.info("%s %d/%d %s: %s (%.1f s)", self.stage, self._done, self.total, item, result, took_s)

    def _table(self) -> Table:
        from rich.table import Table

        with self._lock:
            running = sorted(self._running.items(), key=lambda item: item[1])
            title = f"{self.stage} {self._done}/{self.total}"
        table = Table(title=title, title_justify="left", box=None)
        table.add_column("instance")
        table.add_column("seconds", justify="right")
        for item, since in running[:_SHOWN]:
            table.add_row(item, f"{time.monotonic() - since:.0f}")
        if len(running) > _SHOWN:
            table.add_row(f"and {len(running) - _SHOWN} more", "")
        return table
