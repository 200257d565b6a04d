"""Fatal errors. Each is one sentence that names the key and the remedy, and carries its exit code."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contexttune.types import Usage


class ExitCode(IntEnum):
    """What `python -m contexttune` tells the shell."""

    DONE = 0
    FAILED = 1  # a defect of ours: a traceback is in the log
    BAD_CONFIG = 2
    PREFLIGHT = 3
    MISSING_UNITS = 4
    BUDGET = 5
    INTERRUPTED = 130


class ContextTuneError(Exception):
    """Stops the run. One string argument, so that it survives the pickle back from a worker."""

    exit_code = ExitCode.FAILED


class ConfigError(ContextTuneError):
    """The user asked for something that cannot be."""

    exit_code = ExitCode.BAD_CONFIG


class PreflightError(ContextTuneError):
    """Something the run needs is not there: an endpoint, a daemon, a sandbox."""

    exit_code = ExitCode.PREFLIGHT


class DiskTrouble(ContextTuneError):
    """The disk is full or away: an outage, after which the same command continues."""

    exit_code = ExitCode.MISSING_UNITS


class NotWritten(PreflightError):
    """A document that a model has to write is not there, and no model may be asked here."""

    prompt_chars = 0  # of what it would be asked


class ArtifactError(ContextTuneError):
    """A file or repository is not what it must be."""

    exit_code = ExitCode.PREFLIGHT


class DamagedFile(ArtifactError, ValueError):
    """A record that is not what was written: cut off by a power cut, or changed by hand."""


class InfraError(Exception):
    """An outage: it costs one instance an attempt, is missing data, and is never a prediction.

    `n_calls` and `usage` are what had been paid for until then.
    """

    def __init__(self, words: str, *, n_calls: int = 0, usage: Usage | None = None) -> None:
        super().__init__(words)
        self.n_calls = n_calls
        self.usage = usage


class UnusableDocument(InfraError):
    """A model has answered, and the answer is no context: missing data, never an empty context."""


class OverBudget(Exception):
    """The run's budget is used up, in the words of this."""
