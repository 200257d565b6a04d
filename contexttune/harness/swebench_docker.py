"""The unchanged SWE-bench harness, as a child process: official verdicts."""

from __future__ import annotations

import logging
import os
import re
import resource
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError, PreflightError
from contexttune.harness import run_logs
from contexttune.harness.gradings import (
    EMPTY,
    Prediction,
    Verdict,
    read_predictions,
    require_gradable,
    task_fingerprint,
    write_outcomes,
)
from contexttune.interfaces import Harness, UsesImages
from contexttune.sandbox import docker_daemon
from contexttune.system import subprocesses
from contexttune.system.files import locked, read_jsonl, write_jsonl
from contexttune.types import GoldInstance, Outcome

log = logging.getLogger(__name__)

_RUN_ID = re.compile(r"ct-[0-9a-f]{12}")  # of one length, so that no id contains another
_POLL_S = 1.0
_GRACE_S = 2.0  # on an interrupt, the harness would wait for its tests
_CREATION_S = 1.0  # for the engine to create a container that it was asked for by a harness that is gone
_SECRET = re.compile(r"_(API_KEY|TOKEN|SECRET)$")


@dataclass(frozen=True, kw_only=True)
class SwebenchDocker(Harness, UsesImages):
    """Grades with `swebench.harness.run_evaluation`. Each run of it has a directory in `out_dir`."""

    version: ClassVar[int] = 1
    official: ClassVar[bool] = True
    grades: ClassVar[bool] = True

    name: str = "swebench_docker"
    max_workers: int = field(default=4, metadata=NO_EFFECT)
    timeout_s: int = 1800
    open_file_limit: int = field(default=4096, metadata=NO_EFFECT)
    attempts: int = field(default=2, metadata=NO_EFFECT)
    memory_gb: float | None = field(default=16.0, metadata=NO_EFFECT)
    pids_limit: int | None = field(default=4096, metadata=NO_EFFECT)

    def __post_init__(self) -> None:
        for key in ("max_workers", "timeout_s", "open_file_limit", "attempts", "pids_limit"):
            if (value := getattr(self, key)) is not None and value < 1:
                raise ConfigError(f"harness.{key} must be at least 1, got {value}")
        if self.memory_gb is not None and self.memory_gb <= 0:
            raise ConfigError(f"harness.memory_gb must be above 0, got {self.memory_gb}")

    def preflight(self, instances: Sequence[GoldInstance]) -> None:
        """Raise PreflightError without a working engine, file limit and docker command, ConfigError for odd rows."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard != resource.RLIM_INFINITY and self.open_file_limit > hard:
            raise PreflightError(
                f"harness.open_file_limit={self.open_file_limit} is above the hard limit of {hard} open files: "
                f"set harness.open_file_limit={hard} or raise the limit (ulimit -Hn)"
            )
        if shutil.which("docker") is None:
            raise PreflightError(
                "harness=swebench_docker needs the docker command on PATH (the harness stops containers with it): "
                "install docker.io, or choose harness=local or harness=none"
            )
        require_gradable(instances, in_images=True)
        images = {instance.image for instance in instances}
        try:
            missing = sorted(images - self.image_digests(list(images)).keys())
        except InfraError as error:
            raise PreflightError(
                f"harness=swebench_docker: {error}; start dockerd or point DOCKER_HOST at a running one"
            ) from None
        if missing:
            log.warning("%d images must be pulled, the first is %s", len(missing), missing[0])

    def image_digests(self, images: Sequence[str]) -> dict[str, str]:
        """image -> digest, for the images that are here. Raises InfraError."""
        with docker_daemon.connected() as client:
            return docker_daemon.digests(client, images)

    def image_directory(self) -> Path:
        """The engine's image directory, on its own machine. Raises InfraError."""
        with docker_daemon.connected() as client:
            return Path(client.info()["DockerRootDir"])

    def evaluate(
        self, predictions: Path, instances: Sequence[GoldInstance], out_dir: Path
    ) -> dict[str, Outcome]:
        """Outcome of every instance that has a prediction: see `Harness`.

        Verdicts of earlier calls on the same patch and the same row are reused.
        """
        wanted = read_predictions(predictions, instances)
        out_dir.mkdir(parents=True, exist_ok=True)
        with subprocesses.sigterm_interrupts(), locked(out_dir / ".evaluate.lock"):
            verdicts = {name: EMPTY for name, prediction in wanted.items() if prediction.is_empty}
            graded = {name: p for name, p in wanted.items() if name not in verdicts}
            verdicts |= self._grade(graded, out_dir.resolve())
            write_outcomes(out_dir, {name: verdict.as_json() for name, verdict in verdicts.items()})
        return {name: verdict.outcome for name, verdict in verdicts.items()}

    @staticmethod
    def judged(out_dir: Path, patches: Mapping[str, str]) -> dict[str, Outcome]:
        """Verdicts on these patches (by instance_id) in the files of `out_dir`; patches without one are left out."""
        found: dict[str, Outcome] = {}
        for run_id in _run_ids(out_dir) if out_dir.is_dir() else ():
            for graded in read_jsonl(out_dir / run_id / "predictions.jsonl"):
                name = graded["instance_id"]
                if name not in found and patches.get(name) == graded["model_patch"]:
                    verdict = _judge(out_dir / run_id, name)
                    found |= {name: verdict.outcome} if _is_final(verdict) else {}
        return found

    def _grade(self, wanted: Mapping[str, Prediction], out_dir: Path) -> dict[str, Verdict]:
        verdicts = _harvest(out_dir, wanted, self.timeout_s)
        if verdicts:
            log.info("%d of %d instances were graded earlier", len(verdicts), len(wanted))
        _sweep(_run_ids(out_dir))
        for _ in range(self.attempts):
            pending = [p for name, p in wanted.items() if not _is_final(verdicts.get(name))]
            if not pending:
                break
            verdicts |= self._run(pending, out_dir)
        for name, verdict in verdicts.items():
            if not _is_final(verdict):
                log.warning("%s has no verdict (%s) and counts as missing", name, verdict.reason)
        return verdicts

    def _run(self, pending: Sequence[Prediction], out_dir: Path) -> dict[str, Verdict]:
        run = _Run(directory=out_dir / f"ct-{uuid.uuid4().hex[:12]}", pending=pending)
        try:
            with docker_daemon.limited(run.directory.name, self.memory_gb, self.pids_limit):
                status = self._run_harness(run)
        except InfraError as error:
            log.warning("%d instances were not graded: %s", len(pending), error)
            outage = Verdict(outcome=Outcome.INFRA_ERROR, reason="engine_unreachable")
            return {p.instance.instance_id: outage for p in pending}
        if status != 0:
            log.warning("the harness exited with status %d: see %s", status, run.directory / "harness.log")
        return run.verdicts()

    def _run_harness(self, run: _Run) -> int:
        """Run the harness and return its exit status."""
        limits = f"memory_gb={self.memory_gb}, pids_limit={self.pids_limit}"
        log.info("grading containers have the harness's network and CAP_SYS_ADMIN; limits: %s", limits)
        run.prepare()
        report = run.report_progress()
        with (run.directory / "harness.log").open("wb") as sink:
            try:
                return _wait(self._start(run, sink.fileno()), report)
            except BaseException:
                time.sleep(_CREATION_S)
                raise
            finally:
                _sweep([run.directory.name])

    def _start(self, run: _Run, sink: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._command(run),
            cwd=run.directory,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C goes to this process, which passes it on
            preexec_fn=subprocesses.dies_with_parent(),
        )

    def _command(self, run: _Run) -> list[str]:
        return [
            *(sys.executable, "-m", "swebench.harness.run_evaluation"),
            *("--dataset_name", str(run.directory / "rows.jsonl")),
            *("--predictions_path", str(run.directory / "predictions.jsonl")),
            *("--run_id", run.directory.name, "--report_dir", str(run.directory / "report")),
            *("--max_workers", str(self.max_workers), "--timeout", str(self.timeout_s)),
            *("--open_file_limit", str(self.open_file_limit)),
        ]


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One run of the harness. Its run_id is the name of its directory."""

    directory: Path
    pending: Sequence[Prediction]

    def prepare(self) -> None:
        """Write the harness's input. Predictions come last: a directory without them is ignored."""
        self.directory.mkdir()
        write_jsonl(self.directory / "rows.jsonl", [dict(p.instance.row) for p in self.pending])
        write_jsonl(self.directory / "predictions.jsonl", [p.row() for p in self.pending])

    def verdicts(self) -> dict[str, Verdict]:
        return {p.instance.instance_id: _judge(self.directory, p.instance.instance_id) for p in self.pending}

    def report_progress(self) -> Callable[[], None]:
        """Return a function that logs the instances graded since its last call."""
        left = {p.instance.instance_id for p in self.pending}

        def report() -> None:
            for name in sorted(left):
                verdict = _judge(self.directory, name)
                if verdict.outcome.is_verdict:
                    left.discard(name)
                    done = len(self.pending) - len(left)
                    log.info("graded %d/%d %s: %s", done, len(self.pending), name, verdict.outcome)

        return report


def _wait(process: subprocess.Popen[bytes], report: Callable[[], None]) -> int:
    """Wait for the child and return its exit status. On an interrupt, stop it."""
    try:
        while True:
            try:
                return process.wait(timeout=_POLL_S)
            except subprocess.TimeoutExpired:
                report()
    finally:
        subprocesses.stop(process, _GRACE_S)
        report()


def _judge(directory: Path, instance_id: str) -> Verdict:
    return replace(
        run_logs.judge(_log_dir(directory, instance_id), instance_id), harness_run_id=directory.name
    )


def _log_dir(directory: Path, instance_id: str) -> Path:
    """The log directory of an instance, which is in a directory named after the model."""
    models = directory / "logs" / "run_evaluation" / directory.name
    found = (path / instance_id for path in models.glob("*") if (path / instance_id).is_dir())
    return next(found, models / "-" / instance_id)


def _harvest(out_dir: Path, wanted: Mapping[str, Prediction], timeout_s: int) -> dict[str, Verdict]:
    """Verdicts of earlier runs, finished or not, on the same patches and rows."""
    tasks = {name: task_fingerprint(p.instance.row) for name, p in wanted.items()}
    verdicts: dict[str, Verdict] = {}
    for run_id in _run_ids(out_dir):
        directory = out_dir / run_id
        rows = {row["instance_id"]: task_fingerprint(row) for row in read_jsonl(directory / "rows.jsonl")}
        for graded in read_jsonl(directory / "predictions.jsonl"):
            name = graded["instance_id"]
            if name not in wanted or name in verdicts:
                continue
            same = graded["model_patch"] == wanted[name].model_patch and rows.get(name) == tasks[name]
            # a patch that reached the time limit may pass with a longer one
            cut_off_s = run_logs.timeout_s(_log_dir(directory, name))
            if same and (cut_off_s is None or cut_off_s >= timeout_s):
                verdict = _judge(directory, name)
                verdicts |= {name: verdict} if _is_final(verdict) else {}
    return verdicts


def _run_ids(out_dir: Path) -> list[str]:
    return sorted(path.name for path in out_dir.iterdir() if _RUN_ID.fullmatch(path.name))


def _is_final(verdict: Verdict | None) -> bool:
    return verdict is not None and verdict.outcome.is_verdict


def _sweep(harness_run_ids: Collection[str]) -> None:
    """Remove the containers of finished runs, if the engine answers."""
    if not harness_run_ids:
        return
    try:
        with docker_daemon.connected() as client:
            docker_daemon.remove_containers(client, harness_run_ids)
    except (InfraError, OSError) as error:
        log.warning("containers of %s may remain: %s", ", ".join(harness_run_ids), error)


def _environment() -> dict[str, str]:
    """The environment without secrets, which the harness does not need."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    return kept | {
        "HF_HUB_OFFLINE": "1",  # the rows are in a local file
        "PYTHONUTF8": "1",  # the harness writes its logs in the locale's encoding
        "PYTHONUNBUFFERED": "1",
    }
