"""The only entry point: composes the configuration, runs the task, answers with an exit code."""

from __future__ import annotations

import logging
import os
import signal
import sys
from typing import NoReturn

import hydra
from hydra.errors import HydraException
from omegaconf import DictConfig

from contexttune import config, disk, reproduce, session
from contexttune.errors import ContextTuneError, ExitCode
from contexttune.paths import config_dir

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")
def _compose_and_run(cfg: DictConfig) -> float | None:
    # Hydra pickles this function by value for other launchers: keep it a bare import and call.
    from contexttune.job import run_job

    return run_job(cfg)


def main() -> NoReturn:
    """Run `python -m contexttune`, and exit."""
    if len(sys.argv) == 1:
        from contexttune.welcome import first_steps

        sys.exit(first_steps())
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")  # swebench would load a .env that lies about
    config.register()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        sys.argv[1:] = reproduce.expand(sys.argv[1:])
        _compose_and_run()
        code = session.current.finish()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except ContextTuneError as error:
        sys.stderr.write(f"error: {error}\n")
        code = error.exit_code
    except HydraException as error:  # from --help and its kin, which Hydra does not guard
        sys.stderr.write(f"error: {error}\n")
        code = ExitCode.BAD_CONFIG
    except SystemExit as stopped:  # Hydra's own: it has printed what is wrong
        failed_before_a_job = stopped.code not in (0, None) and not session.current.jobs
        code = ExitCode.BAD_CONFIG if failed_before_a_job else ExitCode(int(stopped.code or 0))
    _close(code)


def _show_tables(code: ExitCode) -> ExitCode:
    """Say what the groups' results are; the exit code, which is another one where their summary cannot be written."""
    try:
        session.current.show_tables()
    except OSError as error:
        if (words := disk.trouble(error)) is None:
            raise
        sys.stderr.write(f"error: {words}\n")
        return ExitCode.MISSING_UNITS if code is ExitCode.DONE else code
    return code


def _interrupt(*_: object) -> NoReturn:
    """SIGTERM ends a run as Ctrl-C does: locks, servers and containers are let go."""
    raise KeyboardInterrupt


def _close(code: ExitCode) -> NoReturn:
    if code is ExitCode.INTERRUPTED:
        sys.stderr.write("interrupted: what is finished is kept, and the same command continues\n")
        if jobs := session.current.jobs_in_queue:
            sys.stderr.write(
                f"jobs of this sweep stay in the queue: scancel {' '.join(jobs)} would end them\n"
            )
    else:
        code = _show_tables(code)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that wait for a model's answer would hold the process for minutes
