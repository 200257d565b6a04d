"""Usage of each instance of a run, from its journal and record, and whether the budget allows more."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contexttune.experiment.finished_work import FinishedWork, is_final
from contexttune.models.journal import Paid
from contexttune.models.prices import Price
from contexttune.models.spending import Budget, earlier_than, spent_for
from contexttune.types import Instance

log = logging.getLogger(__name__)


@dataclass
class Accounts:
    """The accounts of one run. Thread-safe."""

    done: FinishedWork
    budget: Budget
    price: Price | None
    stopped_by: str | None = None  # the budget that is used up
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self, instances: Iterable[Instance], records: Mapping[str, Mapping[str, Any]]) -> None:
        """Charge the spending of earlier sessions to the budget."""
        for name in (i.instance_id for i in instances):
            record = records.get(name)
            # the journal, which may have megabytes, adds nothing to a final record
            journal = None if record and is_final(record) else self.done.paid(name)
            self._note(name, spent_for(record, journal, self.price))

    def close(self, record: dict[str, Any], paid_before: Paid | None) -> None:
        """Complete a new record with the number of replayed calls and the instance's other usage."""
        name = record["instance_id"]
        now = self.done.paid(name)
        if now is not None:
            n_new = now.n_calls - (paid_before.n_calls if paid_before else 0)
            record["details"]["n_replayed"] = max(record["n_calls"] - n_new, 0)
        record["earlier"] = earlier_than(record, self.done.attempt(name), now, self.price)
        self._note(name, spent_for(record, now, self.price))

    def is_over_budget(self) -> bool:
        """Whether no further attempt may start."""
        with self._lock:
            reason = self.budget.exceeded()
            if reason and self.stopped_by is None:
                self.stopped_by = reason
                log.warning("%s: no further attempt is started", reason)
        return reason is not None

    def _note(self, name: str, spent: Mapping[str, Any]) -> None:
        with self._lock:
            self.budget.note(name, spent)
