"""Process-wide state that a command changes, restored after it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig


@contextmanager
def process_state_restored() -> Iterator[None]:
    """Restore sys.argv, os.environ, logging and Hydra's singletons, so that one process can run several commands."""
    argv, environment = sys.argv[:], dict(os.environ)
    hydra, hydra_config = GlobalHydra.instance().hydra, HydraConfig.instance().cfg
    GlobalHydra.instance().clear()
    try:
        with _logging_restored():
            yield
    finally:
        GlobalHydra.instance().hydra, HydraConfig.instance().cfg = hydra, hydra_config
        sys.argv[:] = argv
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


@contextmanager
def _logging_restored() -> Iterator[None]:
    """Restore levels and handlers of the loggers that exist now, and close handlers that the command adds to the root."""
    created = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    saved = [(each, each.level, each.handlers[:], each.disabled) for each in (logging.root, *created)]
    handlers = set(logging.root.handlers)
    try:
        yield
    finally:
        added = set(logging.root.handlers) - handlers
        for logger, level, its_handlers, disabled in saved:
            logger.setLevel(level)
            logger.handlers[:], logger.disabled = its_handlers, disabled
        for handler in added:
            handler.close()
