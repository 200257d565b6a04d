"""mini-swe-agent without its banner and the user's settings."""

import os
from pathlib import Path


def keep_quiet() -> None:
    """Call this before the first import of mini-swe-agent in a process.

    On import it creates a configuration directory and loads a .env from it. This package's own directory exists
    already and has no .env; a temporary one would be left behind by a kill.
    """
    os.environ |= {"MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": str(Path(__file__).parent)}
