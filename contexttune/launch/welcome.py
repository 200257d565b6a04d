"""What a bare `python -m contexttune`, and one with `--version`, print."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version

from contexttune.errors import ExitCode

_SCREEN = """\
contexttune runs SWE-bench experiments and reports whether repository context helps.

To see it work, without a key, a network or Docker:
    python -m contexttune -m experiment=demo

For an experiment of your own, set:
{missing}
Then:
    python -m contexttune task=doctor model.name=<name>     (what else a run needs here)
    python -m contexttune -m experiment=verified_mini_baseline model.name=<name>
    python -m contexttune runner=gold condition=no_context slice=smoke     (checks images and harness, no model)

All groups, options and keys: python -m contexttune --help
"""


def first_steps() -> ExitCode:
    """Print how to begin, and which settings the environment lacks."""
    missing = ["a model name                  model.name=<what the endpoint serves>"]
    if not os.environ.get("OPENAI_API_KEY"):
        missing.append(
            "the endpoint's key            export OPENAI_API_KEY=...   (any value if it checks none)"
        )
    if not os.environ.get("OPENAI_BASE_URL"):
        missing.append(
            "an endpoint, if not OpenAI's  export OPENAI_BASE_URL=http://host:port/v1   (or model.base_url=...)"
        )
    sys.stdout.write(_SCREEN.format(missing="".join(f"  - {line}\n" for line in missing)))
    return ExitCode.BAD_CONFIG


def print_versions() -> None:
    """Print the versions of contexttune and of the packages that determine what a score means, one a line."""
    for package in ("contexttune", "swebench", "mini-swe-agent"):
        sys.stdout.write(f"{package} {version(package)}\n")
