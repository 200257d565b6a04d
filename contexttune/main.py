"""Runs a command line: composes the configuration, runs its jobs, reports errors, returns an exit code."""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

import hydra
from omegaconf import DictConfig

from contexttune.errors import ConfigError, ExitCode
from contexttune.launch import hydra_setup, interrupts, reproduce, slurm
from contexttune.launch.composition import composed_once
from contexttune.launch.process_state import process_state_restored
from contexttune.launch.session import BUG_NOTICE, Session, new_session
from contexttune.paths import config_dir


@hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")
def _compose_and_run(cfg: DictConfig) -> float | None:
    # Hydra pickles this function by value for other launchers: keep it a bare import and call.
    from contexttune.launch.job import run_job

    return run_job(cfg)


def main() -> NoReturn:
    """Run this process's command line and exit."""
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")  # swebench would load any .env it finds
    if isinstance(sys.stdout, io.TextIOWrapper):  # absent where it is closed
        sys.stdout.reconfigure(
            errors="replace"
        )  # a terminal that is not UTF-8 must not end a run at its table
    interrupts.end_process(run_command(sys.argv[1:]))


def run_command(arguments: Sequence[str]) -> ExitCode:
    """Run one command line in this process; print its errors and closing tables, and return its exit code.

    Can be called repeatedly: it restores sys.argv, os.environ, logging and Hydra's singletons.
    """
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    with process_state_restored(), composed_once(), new_session() as session:
        hydra_setup.register()
        os.environ["HYDRA_FULL_ERROR"] = "1"  # raise errors: Hydra's own messages name a wrong remedy
        try:
            try:
                sys.argv[1:] = reproduce.expand(list(arguments))
                _compose_and_run()
                code = session.finish()
            except Exception as error:
                if wants_traceback:
                    raise
                code = _report(error, session)
            except SystemExit as stopped:  # from argparse or the callback, which have printed the reason
                code = ExitCode(int(stopped.code or 0))
            return _close(code, session)
        except KeyboardInterrupt:
            return _close_interrupted(session)


def _report(error: Exception, session: Session) -> ExitCode:
    """Print the error that ended the command, with a traceback if it is a bug. Raises KeyboardInterrupt."""
    from contexttune.config.user_errors import as_user_error

    if interrupts.is_cause_of(error):
        raise KeyboardInterrupt
    if isinstance(error, BrokenPipeError):  # the reader has closed the pipe, as in `| head`
        return ExitCode.FAILED
    found = as_user_error(error) or slurm.refusal(error)
    nothing_began = not session.jobs and session.sweep is None
    if found is None and nothing_began and isinstance(error, ValueError):  # Hydra's, about flags and groups
        found = ConfigError(f"{' '.join(str(error).split())}: see --help and --hydra-help")
    if found is None:
        traceback.print_exception(error)
        sys.stderr.write(f"{BUG_NOTICE}\n")
        return ExitCode.FAILED
    sys.stderr.write(f"error: {found}\n")
    return found.exit_code


def _close_interrupted(session: Session) -> ExitCode:
    """Say how to continue."""
    interrupts.settle()
    with suppress(OSError):  # the terminal may be gone
        sys.stderr.write("interrupted: finished work is kept; run the same command again to continue\n")
        if jobs := session.jobs_in_queue:
            sys.stderr.write(f"jobs of this sweep stay in the queue; to cancel: scancel {' '.join(jobs)}\n")
    return ExitCode.INTERRUPTED


def _close(code: ExitCode, session: Session) -> ExitCode:
    """Print the closing tables. Returns `code`, or that of an error in them if all else succeeded."""
    try:
        session.show_tables()
        if session.sweep_dir is not None:
            from contexttune.tasks.audit import pareto_front

            pareto_front.close(session.sweep_dir)
    except Exception as error:  # noqa: BLE001 - it must not hide how the jobs ended
        failed = _report(error, session)
        return code or failed
    return code
