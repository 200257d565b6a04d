"""The only entry point: composes the configuration, runs the task, answers with an exit code."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import hydra
from omegaconf import DictConfig

from contexttune.errors import ConfigError, ExitCode
from contexttune.launch import hydra_setup, reproduce
from contexttune.launch.session import Session
from contexttune.paths import config_dir

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")
def _compose_and_run(cfg: DictConfig) -> float | None:
    # Hydra pickles this function by value for other launchers: keep it a bare import and call.
    from contexttune.launch.job import run_job

    return run_job(cfg)


def main() -> NoReturn:
    """Run `python -m contexttune` and exit."""
    if len(sys.argv) == 1:
        from contexttune.launch.welcome import first_steps

        sys.exit(first_steps())
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")  # swebench would load any .env it finds
    signal.signal(signal.SIGTERM, _interrupt)
    code = run_command(sys.argv[1:])
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # full, closed or absent: nobody to tell
            stream.flush()
    os._exit(code)  # threads that wait for a model's answer would hold the process for minutes


def run_command(arguments: Sequence[str]) -> ExitCode:
    """Run one command line in this process; print its errors and closing tables, and return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # absent where it is closed
        sys.stdout.reconfigure(
            errors="replace"
        )  # a terminal that is not UTF-8 must not end a run at its table
    hydra_setup.register()
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us: Hydra's own messages name a wrong remedy
    session = Session()
    with session.active():
        try:
            sys.argv[1:] = reproduce.expand(list(arguments))
            _compose_and_run()
            code = session.finish()
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        except Exception as error:
            if wants_traceback:
                raise
            code = _report(error, session)
        except SystemExit as stopped:  # from argparse or our callback, which have printed why
            code = ExitCode(int(stopped.code or 0))
        return _close(code, session)


def _report(error: Exception, session: Session) -> ExitCode:
    """Print what ended the program, with a traceback where it is a bug."""
    from contexttune.config.user_errors import known

    if isinstance(error, BrokenPipeError):  # the reader has seen enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.FAILED
    found = known(error)
    nothing_began = not session.jobs and session.sweep is None
    if found is None and nothing_began and isinstance(error, ValueError):  # Hydra's, about flags and groups
        found = ConfigError(f"{' '.join(str(error).split())}: see --help and --hydra-help")
    if found is None:
        traceback.print_exception(error)
        sys.stderr.write("this is a defect of contexttune, please report it\n")
        return ExitCode.FAILED
    sys.stderr.write(f"error: {found}\n")
    return found.exit_code


def _interrupt(*_: object) -> NoReturn:
    """End a run on SIGTERM as on Ctrl-C: release locks, servers and containers."""
    raise KeyboardInterrupt


def _close(code: ExitCode, session: Session) -> ExitCode:
    """Print the closing tables; return the exit code, which an error in them replaces where all else succeeded."""
    if code is ExitCode.INTERRUPTED:
        sys.stderr.write("interrupted: what is finished is kept, and the same command continues\n")
        if jobs := session.jobs_in_queue:
            sys.stderr.write(
                f"jobs of this sweep stay in the queue: scancel {' '.join(jobs)} would end them\n"
            )
        return code
    try:
        session.show_tables()
        if session.sweep_dir is not None:
            _close_audits(session.sweep_dir)
    except Exception as error:  # noqa: BLE001 - it must not hide how the jobs ended
        failed = _report(error, session)
        return code or failed
    return code


def _close_audits(sweep_dir: Path) -> None:
    from contexttune.tasks.audit import pareto_front

    pareto_front.close(sweep_dir)
