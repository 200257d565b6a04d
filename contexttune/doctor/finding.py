"""One thing that was looked at, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contexttune.cell import Cell
from contexttune.errors import ContextTuneError, InfraError


class State(StrEnum):
    """Of a finding."""

    OK = "ok"
    WARNING = "warning"  # a run would work, and perhaps not as it was meant
    FAILED = "failed"  # it would not
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
class Check:
    """Something to look at, once what it `needs` was found well.

    `look` yields what it finds, or nothing where there is nothing to be said, and raises what a run would.
    """

    what: str
    look: Callable[[Cell], Iterable[tuple[State, str]]]
    needs: Sequence[str] = ()

    def findings(self, cell: Cell, unwell: Collection[str]) -> list[Finding]:
        """An error of a user or of the machine is a finding, too. `unwell` are the checks that did not end well."""
        if lacking := [name for name in self.needs if name in unwell]:
            return [self._finding(State.SKIPPED, f"for want of {', '.join(lacking)}")]
        found = []
        try:
            for state, words in self.look(cell):
                found.append(self._finding(state, words))
        except (ContextTuneError, InfraError) as error:
            found.append(self._finding(State.FAILED, " ".join(str(error).split())))
        return found

    def _finding(self, state: State, words: str) -> Finding:
        return Finding(what=self.what, state=state, words=words)
