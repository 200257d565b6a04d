"""Things that are looked at one by one, and what is wrong with each: task=doctor and task=verify."""

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
    """Of a finding."""

    OK = "ok"
    WARNING = "warning"  # it holds, and perhaps not as it was meant
    FAILED = "failed"
    SKIPPED = "skipped"  # not to be known before something else is mended


@dataclass(frozen=True, kw_only=True)
class Finding:
    """`words` are a fact, or what is wrong and the remedy."""

    what: str
    state: State
    words: str

    @property
    def line(self) -> str:
        return f"{self.state:8} {self.what}: {self.words}"


@dataclass(frozen=True, kw_only=True)
class Check(Generic[Subject]):
    """Something to look at, once what it `needs` was found well.

    `look` yields what it finds, or nothing where there is nothing to be said, and raises what is wrong.
    """

    what: str
    look: Callable[[Subject], Iterable[tuple[State, str]]]
    needs: Sequence[str] = ()

    def findings(self, subject: Subject, unwell: Collection[str]) -> list[Finding]:
        """An error of a user or of the machine is a finding, too. `unwell` are the checks that did not end well."""
        if lacking := [name for name in self.needs if name in unwell]:
            return [self._finding(State.SKIPPED, f"for want of {', '.join(lacking)}")]
        found = []
        try:
            for state, words in self.look(subject):
                found.append(self._finding(state, words))
        except (ContextTuneError, InfraError) as error:
            found.append(self._finding(State.FAILED, " ".join(str(error).split())))
        return found

    def _finding(self, state: State, words: str) -> Finding:
        return Finding(what=self.what, state=state, words=words)


def examine(checks: Iterable[Check[Subject]], subject: Subject) -> list[Finding]:
    """All findings, each logged as it is found."""
    findings: list[Finding] = []
    unwell: set[str] = set()
    for check in checks:
        with console().status(f"{check.what} ..."):  # on a terminal; some take seconds
            found = check.findings(subject, unwell)
        for finding in found:
            log.info(finding.line)
            if finding.state in (State.FAILED, State.SKIPPED):
                unwell.add(finding.what)
        findings += found
    return findings


def failed(findings: Iterable[Finding]) -> list[str]:
    """What was looked at and failed, each once."""
    return list(dict.fromkeys(one.what for one in findings if one.state is State.FAILED))


def n_warnings(findings: Iterable[Finding]) -> int:
    return sum(one.state is State.WARNING for one in findings)
