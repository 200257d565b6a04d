"""Hydra's callback: checks a command before its first job begins."""

from __future__ import annotations

import shlex
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn, cast

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from contexttune.config.user_errors import as_user_error
from contexttune.errors import ConfigError, ExitCode
from contexttune.launch import interrupts
from contexttune.launch.session import BUG_NOTICE, current_session


class Watch(Callback):
    """Refuses commands that Hydra would silently run in an unintended way."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _before_jobs(config)
        launcher = config.hydra.runtime.choices.get("hydra/launcher")
        if launcher != "basic":  # Hydra would run it here, on the login node
            typed = " ".join(map(shlex.quote, sys.argv[1:]))
            _refuse(f"hydra/launcher={launcher} needs -m: python -m contexttune -m {typed}")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _before_jobs(config)
        session = current_session()
        session.sweep_dir = Path(config.hydra.sweep.dir).absolute()
        if not config.hydra.sweeper._target_.endswith(".BasicSweeper"):
            return  # other sweepers choose their jobs as they go
        from contexttune.launch import slurm, sweep

        try:
            planned = sweep.plan(config)
            if planned.is_slurm:
                slurm.require_commands()
                slurm.requeue_at_time_limit(config)
            session.launch(planned)
        except Exception as error:  # noqa: BLE001 - Hydra would ignore it and launch the jobs
            if interrupts.is_cause_of(error):
                raise KeyboardInterrupt from None
            if (found := as_user_error(error)) is not None:
                _refuse(str(found), found.exit_code)
            traceback.print_exc()
            _refuse(f"{BUG_NOTICE} ({type(error).__name__})")


def _before_jobs(config: DictConfig) -> None:
    """Check the command and record its sweep in the launching process, before a file is written."""
    from contexttune.experiment import code_state
    from contexttune.system import redaction

    try:
        redaction.require_no_secrets(cast("dict[str, Any]", OmegaConf.to_container(config, resolve=False)))
    except ConfigError as error:
        _refuse(str(error))
    code_state.note_submission()


def _refuse(message: str, code: ExitCode = ExitCode.BAD_CONFIG) -> NoReturn:
    """Exit with an error. Hydra ignores a callback's exceptions, except SystemExit."""
    sys.stderr.write(f"error: {message}\n")
    raise SystemExit(code)
