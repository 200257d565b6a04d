"""Console output: progress of a stage (a live table on a terminal, else log lines), tables, log handlers."""

from __future__ import annotations

import logging
import os
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
_FILE_COLUMNS = 120
_MAX_ROWS = 12  # rows of the live table; further items are only counted


def console() -> Console:
    """The console that tables, progress and log lines share, so that they do not overwrite each other.

    A file or a pipe has no width: it gets one that all tables fit into.
    """
    import rich

    found = rich.get_console()
    if not found.is_terminal and "COLUMNS" not in os.environ:
        found.width = _FILE_COLUMNS
    return found


def plain_table(title: str) -> Table:
    """A table with a literal title and a line below its header."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    shown = Table(title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    shown.pad_edge, shown.collapse_padding = False, True
    return shown


class ConsoleHandler(logging.Handler):
    """Prints log lines on the shared console, unwrapped."""

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(BrokenPipeError):
            # text from servers and models must not control the terminal
            line = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", self.format(record))
            console().print(line, markup=False, highlight=False, soft_wrap=True)


class LogFileHandler(logging.FileHandler):
    """Writes log lines to a file, silently dropping those that the disk refuses: the console reports that."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


@dataclass
class Board:
    """Status columns of running items, shared by threads."""

    _notes: dict[str, dict[str, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, item: str, **columns: str) -> None:
        """Replace the columns of `item`."""
        with self._lock:
            self._notes[item] = columns

    def drop(self, item: str) -> None:
        with self._lock:
            self._notes.pop(item, None)

    def notes(self) -> dict[str, dict[str, str]]:
        """A copy, by item."""
        with self._lock:
            return dict(self._notes)


@dataclass
class Progress:
    """Counts the items of a stage and shows them; threads may share it.

    Attributes:
        quiet_s: a stage shorter than this logs its total only (and items finished with `detail`).
        every_s: without a terminal, how often running items are logged.
    """

    stage: str
    total: int
    quiet_s: float = 2.0
    board: Board = field(default_factory=Board)
    every_s: float = 60.0
    _running: dict[str, float] = field(default_factory=dict)
    _done: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: float = field(default_factory=time.monotonic)
    _over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = None
        if self.total and sys.stdout.isatty():
            self._live = Live(
                get_renderable=self._table, console=console(), refresh_per_second=4, transient=True
            )
            self._live.start()
        elif self.total:
            threading.Thread(target=self._log_running, name="progress", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
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
        """Count an item and log it. With detail=False, log it only if the stage takes long."""
        with self._lock:
            took_s = time.monotonic() - self._running.pop(item, time.monotonic())
            self.board.drop(item)
            self._done += 1
            slow = time.monotonic() - self._started > self.quiet_s
            if detail or slow:
                log.info("%s %d/%d %s: %s (%.1f s)", self.stage, self._done, self.total, item, result, took_s)

    def _log_running(self) -> None:
        while not self._over.wait(self.every_s):
            notes = self.board.notes()
            with self._lock:
                running, done = sorted(self._running), self._done
            items = [
                f"{item} ({', '.join(f'{k} {v}' for k, v in notes.get(item, {}).items())})"
                for item in running
            ]
            log.info("%s %d/%d, running: %s", self.stage, done, self.total, ", ".join(items) or "nothing")

    def _table(self) -> Table:
        from rich.markup import escape
        from rich.table import Table

        with self._lock:
            running = sorted(self._running.items(), key=lambda item: item[1])
            title = f"{self.stage} {self._done}/{self.total}"
        table = Table(title=title, title_justify="left", box=None)
        table.add_column("instance")
        table.add_column("seconds", justify="right")
        notes = self.board.notes()
        columns = list(dict.fromkeys(name for item, _ in running for name in notes.get(item, {})))
        for name in columns:
            table.add_column(name, justify="right")
        for item, since in running[:_MAX_ROWS]:
            cells = (escape(notes.get(item, {}).get(name, "")) for name in columns)
            table.add_row(escape(item), f"{time.monotonic() - since:.0f}", *cells)
        if len(running) > _MAX_ROWS:
            table.add_row(f"and {len(running) - _MAX_ROWS} more")
        return table
