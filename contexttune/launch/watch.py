"""Hydra's callback: checks a command before its first job begins."""

from __future__ import annotations

import shlex
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

from hydra.experimental.callback import Callback
from omegaconf import OmegaConf

from contexttune.config.user_errors import known
from contexttune.errors import ConfigError, ExitCode
from contexttune.launch.session import BUG_NOTICE, current_session

if TYPE_CHECKING:
    from omegaconf import DictConfig


class Watch(Callback):
    """Hydra's callback: refuses what Hydra would do silently wrong."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _before_jobs(config)
        launcher = config.hydra.runtime.choices.get("hydra/launcher")
        if launcher != "basic":  # Hydra would run it here, on the login node, and say nothing
            typed = " ".join(map(shlex.quote, sys.argv[1:]))
            _refuse(f"hydra/launcher={launcher} needs -m: python -m contexttune -m {typed}")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _before_jobs(config)
        # holds the time: once asked for, it is the same in every job
        session = current_session()
        session.sweep_dir = Path(config.hydra.sweep.dir).absolute()
        if not config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            return  # it decides as it goes what the jobs are
        from contexttune.launch import slurm, sweep

        try:
            session.launch(sweep.plan(config))
            if session.sweep and session.sweep.is_slurm:
                slurm.requeue_at_time_limit(config)
        except Exception as error:  # noqa: BLE001 - Hydra would go on, with jobs that nobody watches
            if (found := known(error)) is not None:
                _refuse(str(found), found.exit_code)
            traceback.print_exc()
            _refuse(f"{BUG_NOTICE} ({type(error).__name__})")


def _before_jobs(config: DictConfig) -> None:
    """In the launching process, before a file is written."""
    from contexttune.experiment import code_state
    from contexttune.system import redaction

    try:
        redaction.refuse(cast("dict[str, Any]", OmegaConf.to_container(config, resolve=False)))
    except ConfigError as error:
        _refuse(str(error))
    code_state.note_submission()


def _refuse(words: str, code: ExitCode = ExitCode.BAD_CONFIG) -> NoReturn:
    """Hydra swallows a callback's exceptions, but not this one."""
    sys.stderr.write(f"error: {words}\n")
    raise SystemExit(code)
