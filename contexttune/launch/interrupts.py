"""Signals that end a command: the first one interrupts it, and later ones leave it the time to clean up."""

from __future__ import annotations

import logging
import os
import signal
import stat
import sys
import threading
from contextlib import suppress
from typing import Any, NoReturn

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_AGAIN_S = 1.0
_noted = threading.Event()  # set by the first signal
_settled = threading.Event()  # set when an interrupt would have no effect any more


def install() -> None:
    """Raise KeyboardInterrupt in the main thread on a signal of `ENDING`, unless the caller ignores it, as nohup does."""
    _noted.clear()
    _settled.clear()
    sys.unraisablehook = _report_unraisable
    for number in ENDING:
        if number == signal.SIGTERM or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, interrupt)


def interrupt(number: int, frame: Any = None) -> None:
    """The handler. Does nothing while an interrupt is being handled already, so that nothing cuts the cleanup short."""
    if number == signal.SIGHUP:
        _leave_terminal()
    if _settled.is_set() or is_handled():
        return
    if not _noted.is_set():
        _noted.set()
        threading.Thread(target=_repeat, name="interrupt", daemon=True).start()
    raise KeyboardInterrupt


def is_handled() -> bool:
    """Whether the calling code runs because of an interrupt or an exit: in its `finally` and `except` blocks."""
    return _caused_by(sys.exc_info()[1], (KeyboardInterrupt, SystemExit))


def is_cause_of(error: BaseException) -> bool:
    """Whether an exception was raised while an interrupt was handled."""
    return _caused_by(error, (KeyboardInterrupt,))


def settle() -> None:
    """Ignore further signals: the command has ended."""
    _settled.set()


def end_process(code: int) -> NoReturn:
    """Exit without waiting for threads, which may wait for a model's answer for minutes."""
    settle()
    if supervisor := sys.modules.get("contexttune.runners.supervisor"):  # its import takes a while
        supervisor.remove_sockets()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # full, closed or absent
            stream.flush()
    os._exit(code)


def _caused_by(error: BaseException | None, kinds: tuple[type[BaseException], ...]) -> bool:
    while error is not None:
        if isinstance(error, kinds):
            return True
        error = error.__context__
    return False


def _repeat() -> None:
    """Repeat an interrupt that a destructor or a library's bare `except` has swallowed."""
    while not _settled.wait(_AGAIN_S):
        os.kill(os.getpid(), signal.SIGTERM)


def _report_unraisable(unraisable: Any) -> None:
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _leave_terminal() -> None:
    """Replace standard output and error by /dev/null if their terminal is gone, where writing would fail."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
