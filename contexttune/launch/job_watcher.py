"""Log lines about jobs that run in other processes, read from their job.json files."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from contextlib import suppress

from contexttune.errors import ExitCode
from contexttune.experiment import job_record
from contexttune.launch.slurm import submitted_jobs
from contexttune.launch.sweep import PlannedJob

log = logging.getLogger(__name__)

_POLL_S = 5.0


class JobWatcher:
    """Logs when jobs begin and end, from a thread, while the launching process waits for them."""

    def __init__(self, jobs: Sequence[PlannedJob], *, on_slurm: bool) -> None:
        self._jobs = jobs
        self._on_slurm = on_slurm
        self._begun: set[int] = set()
        self._ended: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sweep", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        self._thread.join()

    def exit_codes(self) -> list[ExitCode]:
        """Stop, log the jobs that failed, and return all exit codes. A job that recorded none has missing results."""
        self.stop()
        self._log_changes()
        codes = []
        for job in self._jobs:
            record = job_record.read(job.directory) or {}
            code = ExitCode(record.get("exit_code", ExitCode.MISSING_UNITS))
            if code is ExitCode.INTERRUPTED:  # the job was interrupted, not this process
                code = ExitCode.MISSING_UNITS
            if code is not ExitCode.DONE:
                log.warning("%s: %s", job.command, job_record.words(record))
            codes.append(code)
        return codes

    def _watch(self) -> None:
        queue_logged = not self._on_slurm
        while len(self._ended) < len(self._jobs) and not self._stop.wait(_POLL_S):
            with suppress(OSError, ValueError):  # a record that cannot be read now is read at the end
                self._log_changes()
            if not queue_logged and not self._begun and (queued := submitted_jobs()):
                log.info("%d jobs are queued; see why: squeue -j %s", len(self._jobs), ",".join(queued))
                queue_logged = True

    def _log_changes(self) -> None:
        n_jobs = len(self._jobs)
        for number, job in enumerate(self._jobs):
            if number in self._ended or (record := job_record.read(job.directory)) is None:
                continue
            if number not in self._begun:
                self._begun.add(number)
                host = job_record.process_of(record).host
                log.info("job %d of %d started on %s: %s", number, n_jobs, host, job.command)
            if "exit_code" in record:
                self._ended.add(number)
                outcome = job_record.words(record)
                log.info("job %d ended (%d of %d): %s", number, len(self._ended), n_jobs, outcome)
