"""Fatal errors. Each is one sentence that names the key and the remedy, and carries its exit code."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from contexttune.types import Usage


class ExitCode(IntEnum):
    """Exit codes of `python -m contexttune`."""

    DONE = 0
    FAILED = 1  # a bug: the log has a traceback
    BAD_CONFIG = 2
    PREFLIGHT = 3
    MISSING_UNITS = 4
    BUDGET = 5
    INTERRUPTED = 130


class ContextTuneError(Exception):
    """Stops the run. Takes one string, so that workers can return it by pickle."""

    exit_code = ExitCode.FAILED


class ConfigError(ContextTuneError):
    """The configuration is invalid."""

    exit_code = ExitCode.BAD_CONFIG


class PreflightError(ContextTuneError):
    """Something that the run needs is missing, such as an endpoint, a daemon or a sandbox."""

    exit_code = ExitCode.PREFLIGHT


class DiskTrouble(ContextTuneError):
    """The disk is full or unavailable: an outage, after which the command can be repeated."""

    exit_code = ExitCode.MISSING_UNITS


class NotWritten(PreflightError):
    """A document does not exist, and the model that would write it may not be asked here."""

    prompt_chars = 0  # length of the prompt


class ArtifactError(ContextTuneError):
    """A file or repository is not in the expected state."""

    exit_code = ExitCode.PREFLIGHT


class DamagedFile(ArtifactError, ValueError):
    """A record that was truncated by a power cut or edited by hand."""


class InfraError(Exception):
    """An outage of one attempt: missing data, never a prediction. `n_calls` and `usage` were paid until then."""

    def __init__(self, words: str, *, n_calls: int = 0, usage: Usage | None = None) -> None:
        super().__init__(words)
        self.n_calls = n_calls
        self.usage = usage


class RequestRejected(InfraError):
    """The endpoint rejects one request for good. It is up, and the other instances may succeed."""


class UnusableDocument(InfraError):
    """A model's answer cannot be used as a context: missing data, never an empty context."""


class OverBudget(Exception):
    """The run's budget is used up; the message says which."""
