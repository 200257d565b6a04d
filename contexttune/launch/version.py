"""`--version`: the versions of contexttune and of the packages that determine what a score means."""

from __future__ import annotations

import sys
from importlib.metadata import version


def print_versions() -> None:
    """Print one line for each package."""
    for package in ("contexttune", "swebench", "mini-swe-agent"):
        sys.stdout.write(f"{package} {version(package)}\n")
