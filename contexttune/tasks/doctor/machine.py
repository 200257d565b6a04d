"""Checks of the machine: installed packages, git, directories."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.metadata import requires, version
from pathlib import Path
from tempfile import TemporaryDirectory

from contexttune.errors import PreflightError
from contexttune.experiment.cell import Cell
from contexttune.experiment.manifest import installed_version
from contexttune.repos.git import git
from contexttune.tasks.check import Warn

_LOW_GB = 5.0  # enough for one mirror and the signals of some hundred commits


def packages(cell: Cell) -> Iterator[str]:
    """Installed packages meet the requirements of contexttune."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in requires("contexttune") or ()]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    wrong = [
        f"{one.name} {installed or 'is not'} installed, but {one.specifier or 'any version'} is required"
        for one in needed
        if (installed := installed_version(one.name)) is None
        or not one.specifier.contains(installed, prereleases=True)
    ]
    if wrong:
        raise PreflightError(f"{'; '.join(wrong)}: pip install -r requirements.txt")
    yield f"{len(needed)} as required, swebench {version('swebench')}"


def git_command(cell: Cell) -> Iterator[str]:
    """git is installed."""
    _ = cell.workspace  # raises PreflightError without git
    yield git("version").decode().strip().removeprefix("git version ")


def directories(cell: Cell) -> Iterator[str]:
    """Results, artifacts and cache can be written and locked, and their disks have room."""
    layout = cell.layout
    for key in ("results", "artifacts", "cache"):
        yield from _directory(key, getattr(layout, key))


def _directory(key: str, path: Path) -> Iterator[str]:
    existing = next(one for one in (path, *path.parents) if one.exists())
    try:
        locks = _locks(existing)
    except OSError as error:
        if key == "cache" and path.is_dir():  # a shared cache may be read-only
            yield Warn(f"{path} is read-only ({error.strerror}): missing entries are computed in each run")
            return
        raise PreflightError(
            f"{existing} is not writable ({error.strerror}): set paths.{key} or paths.root to a directory that is"
        ) from None
    free_gb = shutil.disk_usage(existing).free / 1e9
    found = f"{key} in {path}, {free_gb:,.1f} GB free"
    is_low = free_gb < _LOW_GB
    yield Warn(f"{found}: make room, or set paths.{key} to another disk") if is_low else found
    if not locks:
        yield Warn(
            f"{path} is on a file system without locks: a job killed on another machine may leave its lock behind"
        )


def _locks(directory: Path) -> bool:
    """Whether file locks work in `directory`. Raises OSError if it cannot be written."""
    import fcntl

    with TemporaryDirectory(dir=directory, prefix=".doctor.") as scratch:
        lock = Path(scratch) / "lock"
        lock.write_text("written\n")
        with lock.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
    return True
