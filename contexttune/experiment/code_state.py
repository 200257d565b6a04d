"""The code in use: its commit, its uncommitted changes, and whether it is the code that was submitted."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

from contexttune.errors import ArtifactError
from contexttune.paths import PACKAGE
from contexttune.repos.porcelain import porcelain

VARIABLE = "CONTEXTTUNE_SUBMITTED"  # the environment reaches jobs through sbatch and child processes
_CODE = ("contexttune", "conf")


@cache
def code_state() -> dict[str, Any]:
    """The state of the checkout that this process runs from; {} for an installed package.

    Determined once, since later changes do not affect the imported code.
    """
    return state_of(PACKAGE.parent)


def state_of(checkout: Path) -> dict[str, Any]:
    """The commit, whether files differ from it, and a digest of these; {} if this is not a git checkout.

    Untracked files count only in the code's directories, since a checkout may contain the output of runs.
    """
    if not (checkout / ".git").exists():
        return {}
    try:
        commands = porcelain(checkout)
        from git import CommandError
    except ArtifactError:
        return {}
    # git refuses the checkout of another user, common in containers; none of the code in it is run here
    trusted = {"c": ["safe.directory=*", "core.fsmonitor=false"]}
    names = {"z": True, "stdout_as_string": False}
    try:
        commit = commands(**trusted).rev_parse("HEAD")
        tracked = commands(**trusted).diff("HEAD", name_only=True, **names)
        untracked = commands(**trusted).ls_files("--", *_CODE, others=True, exclude_standard=True, **names)
    except CommandError:
        return {}
    changed = sorted({*tracked.split(b"\0"), *untracked.split(b"\0")} - {b""})
    return {
        "commit": commit,
        "dirty": bool(changed),
        "diff_sha256": _digest(checkout, changed) if changed else None,
    }


def note_submission() -> None:
    """Pass the current code state on to the jobs of this process, wherever they run."""
    os.environ[VARIABLE] = json.dumps(code_state() | {"host": socket.gethostname()}, sort_keys=True)


def submission() -> dict[str, Any] | None:
    """The code state of the process that submitted this job; None where it is unknown."""
    text = os.environ.get(VARIABLE)
    return dict(json.loads(text)) if text else None


def changed_since(submitted: dict[str, Any] | None) -> bool | None:
    """Whether this process runs code other than what was submitted; None where that is unknown."""
    if not submitted or "commit" not in submitted or not code_state():
        return None
    return any(submitted[key] != code_state()[key] for key in ("commit", "diff_sha256"))


def _digest(checkout: Path, changed: list[bytes]) -> str:
    """A digest of names and contents. The text of a diff would depend on git's version and settings."""
    digest = hashlib.sha256()
    for name in changed:
        path = checkout / os.fsdecode(name)
        if path.is_symlink():
            content = b"link " + os.fsencode(path.readlink())
        else:
            content = b"file " + path.read_bytes() if path.is_file() else b"none"
        digest.update(b"%s\0%s\n" % (name, hashlib.sha256(content).hexdigest().encode()))
    return digest.hexdigest()
