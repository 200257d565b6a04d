"""What is looked at, in this order. A further check is one function and one line here."""

from __future__ import annotations

from contexttune.findings import Check
from contexttune.verification import answer, attempts
from contexttune.verification.records import Records

CHECKS: tuple[Check[Records], ...] = (
    Check(what="runs", look=attempts.unfinished),
    Check(what="predictions", look=attempts.predictions),
    Check(what="verdicts", look=attempts.verdicts, needs=("predictions",)),
    Check(what="contexts", look=attempts.contexts),
    Check(what="accounts", look=attempts.accounts),
    Check(what="leaks", look=attempts.leaks),
    Check(what="arms", look=answer.arms),
    Check(what="rows", look=answer.rows),
    Check(what="summary", look=answer.summary, needs=("rows",)),
    Check(what="secrets", look=answer.secrets),
)
