"""Attempts on the instances of a run, each recorded before it is counted."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from contexttune.config.schema import BudgetConfig
from contexttune.errors import ArtifactError, ConfigError, InfraError
from contexttune.interfaces import Runner
from contexttune.models.journal import CALLS, Paid, paid
from contexttune.models.prices import Price
from contexttune.models.spending import Budget, earlier_than, spent_for
from contexttune.paths import Layout
from contexttune.system.files import append_jsonl, read_json, sha256, write_json, write_jsonl
from contexttune.system.progress import Board, Progress
from contexttune.types import Attempt, AttemptStatus, GoldInstance, Usage

log = logging.getLogger(__name__)

_SCHEMA_VERSION = 1
_GIVE_UP_AFTER = 3  # outages in a row with the same words: the rest of the queue would meet the same one


@dataclass
class Inference:
    """The inference stage of one run."""

    runner: Runner
    layout: Layout
    group_id: str
    run_id: str
    model_name_or_path: str
    workers: int
    price: Price | None = None
    budget: Budget = field(default_factory=lambda: Budget(BudgetConfig(), None))
    board: Board = field(default_factory=Board)
    model: AbstractContextManager[Any] = field(default_factory=nullcontext)  # entered while it has work
    no_context: Mapping[str, str] = field(default_factory=dict)  # instance_id -> the outage that cost it
    stopped_by: str | None = None  # the budget that ended the stage
    _write: threading.Lock = field(default_factory=threading.Lock)
    _outages: list[str] = field(default_factory=list)

    def run(self, instances: Sequence[GoldInstance], blocks: Mapping[str, str]) -> dict[str, dict[str, Any]]:
        """Attempt what has no final attempt yet; return the attempt records by instance_id.

        An instance without a block is not attempted: it is an outage by `no_context`, or else left alone. preds.jsonl
        ends up sorted and derived from the records alone, so it is the same however often the run was interrupted.
        """
        records = {i.instance_id: self._record(i, blocks.get(i.instance_id)) for i in instances}
        final = {name: record for name, record in records.items() if record and is_final(record)}
        self._note(records)
        pending = [i for i in instances if i.instance_id not in final and i.instance_id in blocks]
        for i in instances:
            if i.instance_id in self.no_context and i.instance_id not in final:
                self._record_outage(i, self.no_context[i.instance_id])
        if final and pending:
            log.info("resuming: %d of %d instances are done", len(final), len(instances))
        self._settle(final)
        prepare = getattr(self.runner, "prepare", None)
        idle = not pending or self._over_budget()
        with nullcontext() if idle else self.model:
            if prepare and not idle:
                prepare([i.public() for i in pending])
            attempted = self._attempt_all(pending, blocks)
        self._settle(final | {name: record for name, record in attempted.items() if is_final(record)})
        return final | attempted

    def remember(self, instances: Sequence[GoldInstance]) -> None:
        """Tell the budget what has been spent, for a stage before this one that spends too."""
        self._note({i.instance_id: self._record(i, None) for i in instances})

    def _note(self, records: Mapping[str, dict[str, Any] | None]) -> None:
        for name, record in records.items():
            # a final record has all that its journal has, which may be megabytes
            journal = None if record and is_final(record) else self._paid(name)
            self.budget.note(name, spent_for(record, journal, self.price))

    @property
    def _predictions(self) -> Path:
        return self.layout.predictions(self.group_id, self.run_id)

    def _settle(self, final: Mapping[str, dict[str, Any]]) -> None:
        """Make preds.jsonl what the records say, sorted: a kill may have come between the two, or in mid-line."""
        rows = [self._prediction(record) for _, record in sorted(final.items())]
        write_jsonl(self._predictions, rows)

    def _attempt_all(
        self, pending: Sequence[GoldInstance], blocks: Mapping[str, str]
    ) -> dict[str, dict[str, Any]]:
        done: dict[str, dict[str, Any]] = {}
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="attempt")
        with Progress("inference", len(pending), board=self.board) as progress:
            try:
                futures = [pool.submit(self._attempt, i, blocks[i.instance_id], progress) for i in pending]
                for future in as_completed(futures):
                    if record := future.result():
                        done[record["instance_id"]] = record
            except BaseException:  # on Ctrl-C the queue is dropped, and what the runner has started is ended
                pool.shutdown(wait=False, cancel_futures=True)
                self.runner.stop()
                raise
        pool.shutdown()
        return done

    def _attempt(self, instance: GoldInstance, block: str, progress: Progress) -> dict[str, Any] | None:
        if self._giving_up() or self._over_budget():
            return None
        out_dir = self.layout.instance(self.group_id, self.run_id, instance.instance_id)
        out_dir.mkdir(parents=True, exist_ok=True)
        progress.start(instance.instance_id)
        started = time.monotonic()
        paid_before = self._paid(instance.instance_id)
        attempt = self._guarded(instance, block, out_dir)
        record = self._kept(instance, block, attempt, paid_before, time.monotonic() - started)
        why = f" ({attempt.error})" if attempt.error else ""
        progress.finish(instance.instance_id, f"{attempt.status}, {attempt.exit_status}{why}")
        return record

    def _record_outage(self, instance: GoldInstance, why: str) -> None:
        """Of an instance that could not be attempted for want of its context."""
        error = " ".join(why.split())[:500]
        outage = Attempt(status=AttemptStatus.INFRA_ERROR, exit_status="NoContext", error=error)
        self._kept(instance, "", outage, self._paid(instance.instance_id), 0.0)
        log.warning("%s has no context and is not attempted: %s", instance.instance_id, error)

    def _kept(
        self, instance: GoldInstance, block: str, attempt: Attempt, paid_before: Paid | None, wall_s: float
    ) -> dict[str, Any]:
        """The record of an attempt, written."""
        path = self.layout.instance(self.group_id, self.run_id, instance.instance_id) / "attempt.json"
        record = _as_record(instance, block, attempt, wall_s)
        record["cost_usd"] = self._cost_usd(attempt)
        self._settle_accounts(record, paid_before, read_json(path))
        with self._write:
            write_json(path, record)
            if is_final(record):
                append_jsonl(self._predictions, self._prediction(record))
        return record

    def _settle_accounts(
        self, record: dict[str, Any], paid_before: Paid | None, before: Mapping[str, Any] | None
    ) -> None:
        """Say which calls of the attempt were given before, and what the instance took besides it."""
        name = record["instance_id"]
        now = self._paid(name)
        if now is not None:
            n_asked = now.n_calls - (paid_before.n_calls if paid_before else 0)
            record["details"]["n_replayed"] = max(record["n_calls"] - n_asked, 0)
        record["earlier"] = earlier_than(record, before, now, self.price)
        with self._write:
            self.budget.note(name, spent_for(record, now, self.price))

    def _paid(self, instance_id: str) -> Paid | None:
        return paid(self.layout.instance(self.group_id, self.run_id, instance_id) / CALLS)

    def _guarded(self, instance: GoldInstance, block: str, out_dir: Path) -> Attempt:
        """The runner's attempt. Whatever it raises is missing data: no answer was measured."""
        try:
            attempt = self.runner.run(
                instance if self.runner.needs_gold else instance.public(), block, out_dir
            )
            self._outages.clear()
        except ConfigError:
            raise
        except Exception as error:  # one instance's defect must not end the others
            if not isinstance(error, InfraError):
                log.exception("%s: the attempt broke off", instance.instance_id)
            name, words = type(error).__name__, " ".join(str(error).split())[:500]
            self._outages.append(f"{name}: {words}")
            return Attempt(
                status=AttemptStatus.INFRA_ERROR,
                exit_status=name,
                error=words,
                n_calls=getattr(error, "n_calls", 0),  # paid for all the same
                usage=getattr(error, "usage", None) or Usage(),
            )
        return attempt

    def _cost_usd(self, attempt: Attempt) -> float | None:
        if self.price is None:
            return None
        return self.price.cost_usd(attempt.usage) if attempt.n_calls else 0.0

    def _over_budget(self) -> bool:
        with self._write:
            why = self.budget.exceeded()
            if why and self.stopped_by is None:
                self.stopped_by = why
                log.warning("%s: no further attempt begins", why)
        return why is not None

    def _giving_up(self) -> bool:
        last = self._outages[-_GIVE_UP_AFTER:]
        return len(last) == _GIVE_UP_AFTER and len(set(last)) == 1

    def _record(self, instance: GoldInstance, block: str | None) -> dict[str, Any] | None:
        path = self.layout.instance(self.group_id, self.run_id, instance.instance_id) / "attempt.json"
        record: dict[str, Any] | None = read_json(path)
        if block is not None and record and is_final(record) and record["block_sha256"] != sha256(block):
            raise ArtifactError(
                f"the context of {instance.instance_id} changed since this run began: choose another group_id to start anew"
            )
        return record

    def _prediction(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "instance_id": record["instance_id"],
            "model_name_or_path": self.model_name_or_path,
            "model_patch": record["model_patch"],
        }


def is_final(record: Mapping[str, Any]) -> bool:
    """Whether an attempt is a measurement and not an outage."""
    return bool(record["status"] != AttemptStatus.INFRA_ERROR)


def _as_record(instance: GoldInstance, block: str, attempt: Attempt, wall_s: float) -> dict[str, Any]:
    return {
        "schema_version": _SCHEMA_VERSION,
        "instance_id": instance.instance_id,
        "repo": instance.repo,
        "status": attempt.status.value,
        "exit_status": attempt.exit_status,
        "model_patch": attempt.model_patch,
        "patch_chars": len(attempt.model_patch),
        "patch_sha256": sha256(attempt.model_patch),
        "context_chars": len(block),
        "block_sha256": sha256(block),
        "prompts_sha256": attempt.prompts_sha256,
        "n_calls": attempt.n_calls,
        "n_steps": attempt.n_steps,
        "wall_s": round(wall_s, 3),
        "error": attempt.error,
        "recovered_patch": attempt.recovered_patch.encode("utf-8", "backslashreplace").decode(),
        "recovered_submitted": attempt.recovered_submitted,
        "uptake": attempt.uptake,
        "details": dict(attempt.details),
        **asdict(attempt.usage),
    }
