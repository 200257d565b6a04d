"""What a run was made of: enough to tell whether two runs differ by the context alone."""

from __future__ import annotations

import platform
import socket
import sys
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from contexttune import __version__
from contexttune.paths import PACKAGE
from contexttune.store import fingerprint
from contexttune.types import GoldInstance

_PACKAGES = (
    "hydra-core",
    "omegaconf",
    "swebench",
    "mini-swe-agent",
    "litellm",
    "openai",
    "submitit",
    "datasets",
)


def manifest(
    container: dict[str, Any], settings: dict[str, Any], instances: Sequence[GoldInstance]
) -> dict[str, Any]:
    """The record of a run. Holds names of environment variables, never their values."""
    return {
        "contexttune": {"version": __version__, **_checkout()},
        "python": platform.python_version(),
        "platform": sys.platform,
        "host": socket.gethostname(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "dataset": {key: container["slice"][key] for key in ("name", "dataset", "revision", "split")},
        "rows_digest": rows_digest(instances),
        "settings": settings,
        "settings_digest": fingerprint(settings, 16),
    }


def rows_digest(instances: Sequence[GoldInstance]) -> str:
    """A digest of the rows themselves: a file may change under an unchanged name."""
    return fingerprint([[i.instance_id, i.base_commit, i.problem_statement, i.patch] for i in instances], 16)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _checkout() -> dict[str, Any]:
    """Commit and dirtiness of the checkout that this code runs from; {} for an installed wheel."""
    import git

    if not (PACKAGE.parent / ".git").exists():
        return {}
    try:
        repository = git.Repo(PACKAGE.parent)
        return {"commit": repository.head.commit.hexsha, "dirty": repository.is_dirty()}
    except (git.GitError, ValueError, OSError):
        return {}
