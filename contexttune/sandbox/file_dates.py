"""Gives the files of a checkout the date of its commit, so that listings are the same in all attempts.

A repeated attempt is answered from its journal only as long as its commands print the same as before.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from contexttune.repos.git import git


def set_dates(scratch: Path, checkout: Path) -> int:
    """Date all files below `scratch` like the commit of `checkout`, and return that date (seconds since 1970).

    The index is refreshed and dated later than the files: otherwise git would read each file again.
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
            with suppress(PermissionError):  # some file systems store no date of a link
                os.utime(Path(parent) / name, (date, date), follow_symlinks=False)
