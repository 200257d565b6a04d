"""What holds for every run here: installed versions, git, the directories that results go to."""

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
from contexttune.tasks.check import State

_LOW_GB = 5.0  # a repository's mirror and the signals of some hundred commits


def packages(cell: Cell) -> Iterator[tuple[State, str]]:
    """Whether what is installed is what this version of contexttune was made for."""
    from packaging.requirements import Requirement

    wanted = [Requirement(line) for line in requires("contexttune") or ()]
    needed = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    wrong = [
        f"{one.name} {there or 'is not'} installed and {one.specifier or 'any version'} needed"
        for one in needed
        if (there := installed_version(one.name)) is None
        or not one.specifier.contains(there, prereleases=True)
    ]
    if wrong:
        raise PreflightError(f"{'; '.join(wrong)}: pip install -r requirements.txt")
    yield State.OK, f"{len(needed)} as required, swebench {version('swebench')}"


def git_command(cell: Cell) -> Iterator[tuple[State, str]]:
    """Raises PreflightError without one."""
    _ = cell.workspace  # refuses to be without it
    yield State.OK, git("version").decode().strip().removeprefix("git version ")


def directories(cell: Cell) -> Iterator[tuple[State, str]]:
    """Whether results, artifacts and the cache can be written and locked, and what room there is."""
    layout = cell.layout
    for key in ("results", "artifacts", "cache"):
        yield from _directory(key, getattr(layout, key))


def _directory(key: str, path: Path) -> Iterator[tuple[State, str]]:
    there = next(one for one in (path, *path.parents) if one.exists())
    try:
        locks = _locks(there)
    except OSError as error:
        if key == "cache" and path.is_dir():  # one that others fill may be closed
            yield (
                State.WARNING,
                f"{path} is closed ({error.strerror}): what is not in it costs time in each run",
            )
            return
        raise PreflightError(
            f"{there} cannot be written to ({error.strerror}): set paths.{key} to a directory that can, or paths.root"
        ) from None
    free_gb = shutil.disk_usage(there).free / 1e9
    state = State.OK if free_gb >= _LOW_GB else State.WARNING
    advice = "" if state is State.OK else f": make room, or set paths.{key} to another disk"
    yield state, f"{key} in {path}, {free_gb:,.1f} GB free{advice}"
    if not locks:
        yield (
            State.WARNING,
            f"{path} is on a file system that does not lock: a job that is killed elsewhere may leave a lock behind",
        )


def _locks(directory: Path) -> bool:
    """Whether the system's own file locks work there. Raises OSError when nothing can be written."""
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
