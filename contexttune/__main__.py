"""`python -m contexttune [overrides]`, and the console script `contexttune`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and exit."""
    sys.path.append(
        str(Path.cwd())
    )  # for parts in the current directory, which a console script does not see
    # Imports stay inside: the workers of agents import this module too, and need no Hydra.
    from contexttune.errors import ExitCode
    from contexttune.launch import interrupts

    interrupts.install()
    try:
        _run(sys.argv[1:])
    except KeyboardInterrupt:  # before there was anything to interrupt, or after its end
        interrupts.end_process(ExitCode.INTERRUPTED)


def _run(arguments: list[str]) -> NoReturn:
    match arguments:
        case []:
            from contexttune.launch.welcome import first_steps

            sys.exit(first_steps())
        case ["--version"]:
            from contexttune.launch.welcome import print_versions

            print_versions()
            sys.exit()
    from contexttune import main as program

    program.main()


if __name__ == "__main__":
    main()
