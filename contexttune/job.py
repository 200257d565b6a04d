"""One Hydra job: a task, its exit code, and an error as one sentence."""

from __future__ import annotations

import logging

from omegaconf import DictConfig

from contexttune import session
from contexttune.errors import ContextTuneError, ExitCode
from contexttune.interfaces import Task
from contexttune.parts import build

log = logging.getLogger(__name__)


def run_job(cfg: DictConfig) -> None:
    """Execute `cfg.task`. Known errors are logged and noted, so that the other jobs of a sweep still run."""
    session.current.jobs += 1
    try:
        task: Task = build(dict(cfg.task), "task")
        code = ExitCode(task.execute(cfg))
    except ContextTuneError as error:
        log.error("%s", error)
        code = error.exit_code
    except Exception:  # a defect of ours: Hydra 1.3 would leave it out of the job's log
        log.exception("this is a defect of contexttune, please report it")
        code = ExitCode.FAILED
    session.current.exit_codes.append(code)
