"""The checks of task=verify, in order. To add one, write a function and add a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from contexttune.errors import ArtifactError, ContextTuneError
from contexttune.tasks.check import Check, State
from contexttune.tasks.verify import answer, attempts
from contexttune.tasks.verify.group_files import Records


def _check(name: str, run: Callable[[Records], Iterable[tuple[State, str]]], *needs: str) -> Check[Records]:
    """A check that fails, instead of raising, on records of another version or program."""

    def run_strictly(records: Records) -> Iterator[tuple[State, str]]:
        try:
            yield from run(records)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ContextTuneError):
                raise
            raise ArtifactError(
                f"a record is not in the format of this version of contexttune ({type(error).__name__}: {error})"
            ) from None

    return Check(name=name, run=run_strictly, needs=needs)


CHECKS: tuple[Check[Records], ...] = (
    _check("runs", attempts.runs),
    _check("predictions", attempts.predictions),
    _check("verdicts", attempts.verdicts, "predictions"),
    _check("contexts", attempts.contexts),
    _check("accounts", attempts.accounts),
    _check("leaks", attempts.leaks),
    _check("arms", answer.arms),
    _check("rows", answer.rows),
    _check("summary", answer.summary, "rows"),
    _check("secrets", answer.secrets),
)
