"""The inference stage: one attempt per instance, recorded before it counts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contexttune.config.schema import BudgetConfig
from contexttune.errors import ConfigError, InfraError, RequestRejected
from contexttune.experiment.finished_work import FinishedWork, Record, is_final, require_same_context
from contexttune.interfaces import Runner
from contexttune.models.journal import Paid
from contexttune.models.prices import Price, cost_usd
from contexttune.models.spending import Budget, earlier_than, spent_for
from contexttune.system.files import append_jsonl, sha256, write_json, write_jsonl
from contexttune.system.outage_streak import OutageStreak
from contexttune.system.progress import Board, Progress
from contexttune.system.thread_pool import map_in_threads
from contexttune.types import Attempt, AttemptStatus, GoldInstance, Usage

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 1
_MESSAGE_CHARS = 500


@dataclass
class Inference:
    """The inference stage of one run."""

    runner: Runner
    done: FinishedWork
    model_name_or_path: str
    workers: int
    price: Price | None = None
    budget: Budget = field(default_factory=lambda: Budget(BudgetConfig(), None))
    board: Board = field(default_factory=Board)
    model: AbstractContextManager[Any] = field(default_factory=nullcontext)  # entered while there is work
    no_context: Mapping[str, str] = field(default_factory=dict)  # instance_id -> why it has no context
    stopped_by: str | None = None  # the budget that ended the stage
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _outages: OutageStreak = field(default_factory=OutageStreak)
    _interrupted: threading.Event = field(default_factory=threading.Event)

    def run(self, instances: Sequence[GoldInstance], blocks: Mapping[str, str]) -> dict[str, Record]:
        """Attempt every instance without a final attempt; return the records of attempts by instance_id.

        An instance without a block is not attempted: it is an outage if `no_context` has the reason, else it is skipped.
        preds.jsonl is derived from the records and sorted, so it is the same however often the run was interrupted.
        """
        records = self.load_accounts(instances)
        final = {name: record for name, record in records.items() if is_final(record)}
        for name in final.keys() & blocks.keys():
            require_same_context(final[name], blocks[name])
        rest = [i for i in instances if i.instance_id not in final]
        pending = [i for i in rest if i.instance_id in blocks]
        for i in rest:
            if i.instance_id in self.no_context:
                self._record_missing_context(i)
        if final and pending:
            log.info("resuming: %d of %d instances are done", len(final), len(instances))
        self._write_predictions(final)
        idle = not pending or self._is_over_budget()
        with nullcontext() if idle else self.model:
            if not idle:
                self.runner.prepare([i.public() for i in pending])
            attempted = self._attempt_all(pending, blocks)
        self._write_predictions(final | {name: r for name, r in attempted.items() if is_final(r)})
        return final | attempted

    def load_accounts(self, instances: Sequence[GoldInstance]) -> dict[str, Record]:
        """Charge earlier spending to the budget, and return the latest records."""
        records = self.done.attempts(instances)
        for name in (i.instance_id for i in instances):
            record = records.get(name)
            # the journal, which may have megabytes, adds nothing to a final record
            journal = None if record and is_final(record) else self.done.paid(name)
            self.budget.note(name, spent_for(record, journal, self.price))
        return records

    def _is_over_budget(self) -> bool:
        """Whether no further attempt may start."""
        with self._lock:
            reason = self.budget.exceeded()
            if reason and self.stopped_by is None:
                self.stopped_by = reason
                log.warning("%s: no further attempt is started", reason)
        return reason is not None

    def _write_predictions(self, final: Mapping[str, Record]) -> None:
        """Rewrite preds.jsonl from the records: a kill may have come between the two, or torn a line."""
        write_jsonl(self.done.predictions, [self._prediction(record) for _, record in sorted(final.items())])

    def _attempt_all(self, pending: Sequence[GoldInstance], blocks: Mapping[str, str]) -> dict[str, Record]:
        with Progress("inference", len(pending), board=self.board) as progress:

            def attempt(instance: GoldInstance) -> Record | None:
                return self._attempt(instance, blocks[instance.instance_id], progress)

            try:
                records = map_in_threads(attempt, pending, self.workers, "attempt")
            except BaseException:
                self._interrupted.set()
                self.runner.stop()
                raise
        return {record["instance_id"]: record for record in records if record}

    def _attempt(self, instance: GoldInstance, block: str, progress: Progress) -> Record | None:
        if self._outages.repeated or self._is_over_budget():
            return None
        out_dir = self.done.home(instance.instance_id)
        out_dir.mkdir(parents=True, exist_ok=True)
        progress.start(instance.instance_id)
        started = time.monotonic()
        paid_before = self.done.paid(instance.instance_id)
        attempt = self._run(instance, block, out_dir)
        if self._interrupted.is_set():
            return None  # its container or checkout may have been removed under its hands; its calls are kept
        record = self._recorded(instance, block, attempt, paid_before, time.monotonic() - started)
        reason = f" ({attempt.error})" if attempt.error else ""
        progress.finish(instance.instance_id, f"{attempt.status}, {attempt.exit_status}{reason}")
        return record

    def _run(self, instance: GoldInstance, block: str, out_dir: Path) -> Attempt:
        """Run the attempt. Any exception is an outage, since nothing was measured."""
        try:
            attempt = self.runner.run(
                instance if self.runner.needs_gold else instance.public(), block, out_dir
            )
        except ConfigError:
            raise
        except Exception as error:  # a bug that one instance meets must not end the others
            if not isinstance(error, InfraError):
                log.exception("%s: the attempt failed", instance.instance_id)
            outage = _outage(error)
            if not isinstance(error, RequestRejected):  # the endpoint is up, and others may succeed
                self._outages.add(f"{outage.exit_status}: {outage.error}")
            return outage
        self._outages.end()
        return attempt

    def _record_missing_context(self, instance: GoldInstance) -> None:
        error = _one_line(self.no_context[instance.instance_id])
        outage = Attempt(status=AttemptStatus.INFRA_ERROR, exit_status="NoContext", error=error)
        self._recorded(instance, "", outage, self.done.paid(instance.instance_id), 0.0)
        log.warning("%s has no context and is not attempted: %s", instance.instance_id, error)

    def _recorded(
        self, instance: GoldInstance, block: str, attempt: Attempt, paid_before: Paid | None, wall_s: float
    ) -> Record:
        """Write attempt.json and, for a final attempt, append its prediction."""
        record = _record(instance, block, attempt)
        record |= {
            "wall_s": round(wall_s, 3),
            "cost_usd": cost_usd(self.price, attempt.usage, n_calls=attempt.n_calls),
        }
        self._charge(record, paid_before)
        with self._lock:
            write_json(self.done.attempt_path(instance.instance_id), record)
            if is_final(record):
                append_jsonl(self.done.predictions, self._prediction(record))
        return record

    def _charge(self, record: Record, paid_before: Paid | None) -> None:
        """Complete a new record with the number of replayed calls and the instance's other usage."""
        name = record["instance_id"]
        now = self.done.paid(name)
        if now is not None:
            n_new = now.n_calls - (paid_before.n_calls if paid_before else 0)
            record["details"]["n_replayed"] = max(record["n_calls"] - n_new, 0)
        record["earlier"] = earlier_than(record, self.done.attempt(name), now, self.price)
        self.budget.note(name, spent_for(record, now, self.price))

    def _prediction(self, record: Record) -> dict[str, Any]:
        """The line of preds.jsonl."""
        return {
            "instance_id": record["instance_id"],
            "model_name_or_path": self.model_name_or_path,
            "model_patch": record["model_patch"],
        }


def _record(instance: GoldInstance, block: str, attempt: Attempt) -> Record:
    """The content of attempt.json, except its time and cost."""
    fields = {key: value for key, value in vars(attempt).items() if key != "usage"} | asdict(attempt.usage)
    return fields | {
        "schema_version": _SCHEMA_VERSION,
        "instance_id": instance.instance_id,
        "repo": instance.repo,
        "status": attempt.status.value,
        "patch_chars": len(attempt.model_patch),
        "patch_sha256": sha256(attempt.model_patch),
        "context_chars": len(block),
        "block_sha256": sha256(block),
        "recovered_patch": attempt.recovered_patch.encode("utf-8", "backslashreplace").decode(),
        "details": dict(attempt.details),
    }


def _outage(error: Exception) -> Attempt:
    return Attempt(
        status=AttemptStatus.INFRA_ERROR,
        exit_status=type(error).__name__,
        error=_one_line(str(error)),
        n_calls=getattr(error, "n_calls", 0),  # paid for all the same
        usage=getattr(error, "usage", None) or Usage(),
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:_MESSAGE_CHARS]
