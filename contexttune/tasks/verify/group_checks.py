"""What is looked at, in this order. A further check is one function and one line here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from contexttune.errors import ArtifactError, ContextTuneError
from contexttune.tasks.check import Check, State
from contexttune.tasks.verify import answer, attempts
from contexttune.tasks.verify.group_files import Records

Told = tuple[State, str]


def _check(what: str, look: Callable[[Records], Iterable[Told]], needs: Sequence[str] = ()) -> Check[Records]:
    """One whose records need not be of this version, or of this program."""

    def strictly(records: Records) -> Iterator[Told]:
        try:
            yield from look(records)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, ContextTuneError):
                raise
            raise ArtifactError(
                f"a record is not what this version of contexttune writes ({type(error).__name__}: {error})"
            ) from None

    return Check(what=what, look=strictly, needs=needs)


CHECKS: tuple[Check[Records], ...] = (
    _check("runs", attempts.runs),
    _check("predictions", attempts.predictions),
    _check("verdicts", attempts.verdicts, needs=("predictions",)),
    _check("contexts", attempts.contexts),
    _check("accounts", attempts.accounts),
    _check("leaks", attempts.leaks),
    _check("arms", answer.arms),
    _check("rows", answer.rows),
    _check("summary", answer.summary, needs=("rows",)),
    _check("secrets", answer.secrets),
)
