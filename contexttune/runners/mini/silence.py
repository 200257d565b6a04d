"""mini-swe-agent without its greeting, and without a user's settings."""

import os
from pathlib import Path


def keep_quiet() -> None:
    """To be called before the first import of mini-swe-agent in a process.

    It makes a configuration directory and loads a .env from it as it is imported. It gets this package's own, which is
    there and holds none: a directory made for it would outlive a kill.
    """
    os.environ |= {"MSWEA_SILENT_STARTUP": "1", "MSWEA_GLOBAL_CONFIG_DIR": str(Path(__file__).parent)}
