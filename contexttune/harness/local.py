"""Runs eval scripts in bubblewrap and grades with swebench's parsers. Not the official harness."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Protocol

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError, PreflightError
from contexttune.harness import run_logs
from contexttune.harness.gradings import (
    EMPTY,
    Prediction,
    Verdict,
    read_outcomes,
    read_predictions,
    require_gradable,
    task_fingerprint,
    write_outcomes,
)
from contexttune.interfaces import Harness
from contexttune.sandbox.bubblewrap import find_bwrap
from contexttune.sandbox.engine import TESTBED
from contexttune.sandbox.local_sandbox import LocalSandbox
from contexttune.system import subprocesses
from contexttune.system.files import fingerprint, locked, sha256, write_atomic, write_json
from contexttune.system.remove_tree import remove_tree
from contexttune.system.subprocesses import ExecResult
from contexttune.types import GoldInstance, Outcome

log = logging.getLogger(__name__)

_OUTPUT_BYTES = 20_000_000
_NOT_APPLIED = 65  # exit status of the apply script; no git or patch command uses it


class Checkouts(Protocol):
    """The part of a `Workspace` that this backend needs."""

    def agent_checkout(self, repo: str, commit: str, destination: Path) -> None:
        """Check out `commit` at `destination`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Local(Harness):
    """Grades without containers, with the Python that runs this program: for the demo and for development."""

    version: ClassVar[int] = 1
    official: ClassVar[bool] = False
    grades: ClassVar[bool] = True

    name: str = "local"
    max_workers: int = field(default=2, metadata=NO_EFFECT)
    timeout_s: int = 600
    workspace: Checkouts
    bundled: bool  # tasks and patches are from this package, and may run without a sandbox

    def __post_init__(self) -> None:
        for key in ("max_workers", "timeout_s"):
            if getattr(self, key) < 1:
                raise ConfigError(f"harness.{key} must be at least 1, got {getattr(self, key)}")

    def preflight(self, instances: Sequence[GoldInstance]) -> None:
        """Raise PreflightError when untrusted patches would run without a sandbox, ConfigError for odd rows."""
        self._bwrap()
        require_gradable(instances, in_images=False)

    def evaluate(
        self, predictions: Path, instances: Sequence[GoldInstance], out_dir: Path
    ) -> dict[str, Outcome]:
        """Outcome of every instance that has a prediction: see `Harness`. Raises as `preflight` does."""
        bwrap = self._bwrap()
        log.warning("harness=local is not the SWE-bench harness: its results are unofficial")
        if bwrap is None:
            log.warning("bubblewrap is not available: the bundled tasks are tested without a sandbox")
        wanted = read_predictions(predictions, instances)
        out_dir.mkdir(parents=True, exist_ok=True)
        with subprocesses.sigterm_interrupts(), locked(out_dir / ".evaluate.lock"):
            entries = self._reusable(out_dir, wanted)
            pending = [p for name, p in wanted.items() if name not in entries]
            self._grade(pending, out_dir.resolve(), bwrap, entries)
            write_outcomes(out_dir, entries)
        return {name: Outcome(entries[name]["outcome"]) for name in wanted}

    @staticmethod
    def judged(out_dir: Path, patches: Mapping[str, str]) -> dict[str, Outcome]:
        """Verdicts on these patches (by instance_id) in the files of `out_dir`; patches without one are left out."""
        found = {
            name: _outcome_in(out_dir / name, name)
            for name, entry in read_outcomes(out_dir).items()
            if name in patches and entry.get("patch_sha256") == sha256(patches[name])
        }
        return {name: outcome for name, outcome in found.items() if outcome.is_verdict}

    def _bwrap(self) -> str | None:
        found = find_bwrap()
        if found is None and not self.bundled:
            raise PreflightError(
                "harness=local runs untrusted code and needs bubblewrap and libseccomp 2, which are missing or refused by "
                "the kernel: install them, or choose harness=swebench_docker"
            )
        return found

    def _reusable(self, out_dir: Path, wanted: Mapping[str, Prediction]) -> dict[str, dict[str, Any]]:
        return {
            name: entry
            for name, entry in read_outcomes(out_dir).items()
            if name in wanted and _describes(entry, self._key(wanted[name]))
        }

    def _key(self, prediction: Prediction) -> dict[str, str]:
        """The patch and the task that a verdict depends on."""
        task = [task_fingerprint(prediction.instance.row), self.timeout_s]
        return {"patch_sha256": sha256(prediction.model_patch), "task": fingerprint(task)}

    def _grade(
        self,
        pending: Sequence[Prediction],
        out_dir: Path,
        bwrap: str | None,
        entries: dict[str, dict[str, Any]],
    ) -> None:
        """Grade predictions, and add each verdict to `entries` and outcomes.json."""
        # before there are threads: concurrent imports may see a partially initialized module
        from swebench.harness import grading, run_evaluation, utils  # noqa: F401

        stop = threading.Event()
        with ThreadPoolExecutor(max_workers=self.max_workers) as pool:
            try:
                jobs = {pool.submit(self._evaluate_one, p, out_dir, bwrap, stop): p for p in pending}
                for done, job in enumerate(as_completed(jobs), 1):
                    prediction, verdict = jobs[job], job.result()
                    name = prediction.instance.instance_id
                    entries[name] = verdict.as_json() | self._key(prediction)
                    write_outcomes(out_dir, entries)
                    log.info("graded %d/%d %s: %s", done, len(jobs), name, verdict.outcome)
            finally:
                stop.set()
                pool.shutdown(wait=True, cancel_futures=True)

    def _evaluate_one(
        self, prediction: Prediction, out_dir: Path, bwrap: str | None, stop: threading.Event
    ) -> Verdict:
        if prediction.is_empty:
            return EMPTY
        log_dir = out_dir / prediction.instance.instance_id
        shutil.rmtree(log_dir, ignore_errors=True)  # may hold the report of another patch
        try:
            folder = Path(tempfile.mkdtemp(prefix="contexttune-"))
            try:
                variables = {"PYTHONDONTWRITEBYTECODE": "1"}
                path = (f"{sys.prefix}/bin",)
                sandbox = LocalSandbox(
                    folder=folder, bwrap=bwrap, user="tester", variables=variables, search_path=path
                )
                return self._test(prediction, sandbox, log_dir, stop)
            finally:
                remove_tree(folder)
        except (InfraError, OSError) as error:
            log.warning("%s was not graded: %s", prediction.instance.instance_id, error)
            return Verdict(outcome=Outcome.INFRA_ERROR, reason="sandbox_failed")
        except Exception:  # a row that swebench cannot read must not stop the others
            log.exception("%s was not graded", prediction.instance.instance_id)
            return Verdict(outcome=Outcome.INFRA_ERROR, reason="harness_failed")

    def _test(
        self, prediction: Prediction, sandbox: LocalSandbox, log_dir: Path, stop: threading.Event
    ) -> Verdict:
        from swebench.harness.utils import make_test_spec

        instance = prediction.instance
        spec = make_test_spec(dict(instance.row))
        sandbox.prepare()
        self.workspace.agent_checkout(instance.repo, instance.base_commit, sandbox.testbed)
        sandbox.write("patch.diff", prediction.model_patch.encode("utf-8", "surrogateescape"))
        run = partial(sandbox.run, timeout_s=self.timeout_s, limit_bytes=_OUTPUT_BYTES, stop_event=stop)
        sandbox.write("apply.sh", _apply_script(sandbox).encode())
        applied = run("bash", sandbox.path("apply.sh"))
        write_atomic(log_dir / "apply.txt", applied.output)
        if applied.returncode == _NOT_APPLIED or applied.limit:
            return Verdict(outcome=Outcome.ERROR, reason="patch_apply_failed")
        if applied.returncode != 0:
            lines = applied.output.decode(errors="replace").strip().splitlines()
            raise InfraError(lines[-1] if lines else f"the sandbox exited with status {applied.returncode}")
        script = spec.eval_script.replace(TESTBED, sandbox.testbed_path)
        sandbox.write("eval.sh", script.encode("utf-8", "surrogateescape"))
        tested = run("bash", sandbox.path("eval.sh"))
        write_atomic(log_dir / "test_output.txt", _log_text(tested, self.timeout_s))
        if tested.truncated:
            return Verdict(outcome=Outcome.ERROR, reason="output_too_long")
        if tested.exceeded:
            return Verdict(outcome=Outcome.ERROR, reason="resource_limit")
        if not tested.timed_out:
            _write_report(log_dir, spec, prediction)
        return run_logs.judge(log_dir, instance.instance_id)


def _outcome_in(log_dir: Path, instance_id: str) -> Outcome:
    if (log_dir / "apply.txt").exists() and not (log_dir / "test_output.txt").exists():
        return Outcome.ERROR  # the patch was not applied, or it would have been tested
    return run_logs.judge(log_dir, instance_id).outcome


def _describes(entry: Mapping[str, Any], key: Mapping[str, str]) -> bool:
    """Whether an entry of outcomes.json is a verdict on exactly this patch and task."""
    try:
        is_verdict = Outcome(entry["outcome"]).is_verdict
    except (KeyError, ValueError):
        return False
    return is_verdict and all(entry.get(name) == value for name, value in key.items())


def _apply_script(sandbox: LocalSandbox) -> str:
    """The harness's commands for applying a patch, in its order, with its clean-up between them."""
    from swebench.harness.run_evaluation import GIT_APPLY_CMDS

    patch = sandbox.path("patch.diff")
    tries = "\ngit checkout -- . ; git clean -fd\n".join(f"{cmd} {patch} && exit 0" for cmd in GIT_APPLY_CMDS)
    return f"cd {sandbox.testbed_path}\n{tries}\ngit apply --check --reverse {patch} && exit 0\nexit {_NOT_APPLIED}\n"


def _log_text(tested: ExecResult, timeout_s: int) -> str:
    """Test output in the format that swebench's grading reads."""
    text = tested.output.decode(errors="replace")
    return f"{text}\n\nTimeout error: {timeout_s} seconds exceeded." if tested.timed_out else text


def _write_report(log_dir: Path, spec: Any, prediction: Prediction) -> None:
    from swebench.harness.grading import get_eval_report

    report = get_eval_report(
        test_spec=spec,
        prediction=prediction.row(),
        test_log_path=os.fspath(log_dir / "test_output.txt"),
        include_tests_status=True,
    )
    write_json(log_dir / "report.json", report)
