"""Dates of an agent's files: those of the commit, so that a listing says the same in every attempt at an instance.

An attempt that is made again is answered from its journal only for as long as its commands print what they printed.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from contexttune.repos.git import git


def settle_dates(scratch: Path, checkout: Path) -> int:
    """Date all files below `scratch` as the checkout's commit, and return that date (seconds since 1970).

    git compares its index with them, so it is told; the index is dated after them, or git would read each again.
    """
    date = int(git("log", "-1", "--format=%ct", cwd=checkout))
    _date(scratch, date)
    git("update-index", "-q", "--refresh", cwd=checkout)
    os.utime(checkout / ".git" / "index", (date + 1, date + 1))
    os.utime(checkout / ".git", (date, date))
    return date


def _date(folder: Path, date: int) -> None:
    for parent, names, files in os.walk(folder):
        for name in (".", *names, *files):
            with suppress(PermissionError):  # of a link's own date some file systems have none
                os.utime(Path(parent) / name, (date, date), follow_symlinks=False)
