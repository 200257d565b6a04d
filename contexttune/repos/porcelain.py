"""Git commands that people also run by hand (clone, fetch, status), through GitPython."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from contexttune.errors import ArtifactError
from contexttune.repos.git import environment, reason

if TYPE_CHECKING:
    from git import Git
    from git.exc import CommandError


def porcelain(directory: Path, env: Mapping[str, str] | None = None) -> Git:
    """git as GitPython runs it in `directory`, isolated from the user's configuration.

    A command that fails raises git.CommandError. Raises ArtifactError when git is not installed.
    """
    isolated = environment(env)
    for name in os.environ.keys() - isolated.keys():
        os.environ.pop(name, None)  # GitPython passes on GIT_DIR and the like, and has no option against it
    try:
        from git import Git
    except ImportError:  # importing GitPython runs git
        raise ArtifactError("git is not on PATH: install git") from None
    commands = Git(directory)
    commands.update_environment(**isolated)
    return commands


def clone_bare(url: str, destination: Path, env: Mapping[str, str]) -> None:
    """Clone without hooks, and without a remote: its URL may hold a password. Raises ArtifactError."""
    commands = porcelain(destination.parent, env)
    from git import CommandError, Repo

    try:
        with Repo.clone_from(
            url,
            destination,
            env=commands.environment(),
            allow_unsafe_protocols=True,  # the URL is the user's own
            allow_unsafe_options=True,  # an empty template is one
            bare=True,
            quiet=True,
            template="",
        ) as clone:
            clone.delete_remote(clone.remote())
    except CommandError as error:
        raise ArtifactError(f"git clone failed: {reason_of(error)}") from None


def reason_of(error: CommandError) -> str:
    """Git's reason for a failed command."""
    return reason(error.stderr.strip().removeprefix("stderr: '").removesuffix("'"), error.status)
