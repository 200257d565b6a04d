"""Checks and their findings, for task=doctor and task=verify."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from contexttune.errors import ContextTuneError, InfraError
from contexttune.system.progress import console

log = logging.getLogger(__name__)

Subject = TypeVar("Subject")


class State(StrEnum):
    """State of a finding."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"  # a check that this one needs has failed


class Warn(str):
    """The message of a check about something that works, but perhaps not as intended."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """Result of a check; `message` names the remedy of a problem."""

    check: str
    state: State
    message: str


@dataclass(frozen=True, kw_only=True)
class Check(Generic[Subject]):
    """One check, run if the checks that it `needs` have succeeded.

    `run` yields messages, a `Warn` for a warning, and raises ContextTuneError or InfraError for a failure.
    """

    name: str
    run: Callable[[Subject], Iterable[str]]
    needs: Sequence[str] = ()

    def findings(self, subject: Subject, failed: Collection[str]) -> list[Finding]:
        """Findings on `subject`, given the names of checks that failed or were skipped."""
        if missing := [name for name in self.needs if name in failed]:
            return [Finding(check=self.name, state=State.SKIPPED, message=f"needs {', '.join(missing)}")]
        found = []
        try:
            for message in self.run(subject):
                state = State.WARNING if isinstance(message, Warn) else State.OK
                found.append(Finding(check=self.name, state=state, message=message))
        except (ContextTuneError, InfraError) as error:
            message = " ".join(str(error).split())
            found.append(Finding(check=self.name, state=State.FAILED, message=message))
        return found


def run_checks(checks: Iterable[Check[Subject]], subject: Subject) -> list[Finding]:
    """All findings, each logged as soon as its check is done."""
    findings: list[Finding] = []
    not_ok: set[str] = set()
    for check in checks:
        with console().status(f"{check.name} ..."):  # on a terminal; some take seconds
            found = check.findings(subject, not_ok)
        for finding in found:
            log.info("%-8s %s: %s", finding.state, finding.check, finding.message)
            if finding.state in (State.FAILED, State.SKIPPED):
                not_ok.add(finding.check)
        findings += found
    return findings


def failed(findings: Iterable[Finding]) -> list[str]:
    """Names of the checks that failed, each once."""
    return list(dict.fromkeys(finding.check for finding in findings if finding.state is State.FAILED))


def warnings(findings: Iterable[Finding]) -> str:
    """`, with N warnings` to end a sentence with; empty if there are none."""
    n = sum(finding.state is State.WARNING for finding in findings)
    return f", with {n} warning{'s' if n > 1 else ''}" if n else ""
