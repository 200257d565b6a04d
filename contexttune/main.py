"""The only entry point: composes the configuration, runs the task, answers with an exit code."""

from __future__ import annotations

import io
import logging
import os
import signal
import sys
import traceback
from contextlib import suppress
from typing import NoReturn

import hydra
from omegaconf import DictConfig

from contexttune.config import schema
from contexttune.errors import ConfigError, ExitCode
from contexttune.launch import reproduce, session
from contexttune.paths import config_dir

log = logging.getLogger(__name__)


@hydra.main(version_base="1.3", config_path=str(config_dir()), config_name="config")
def _compose_and_run(cfg: DictConfig) -> float | None:
    # Hydra pickles this function by value for other launchers: keep it a bare import and call.
    from contexttune.launch.job import run_job

    return run_job(cfg)


def main() -> NoReturn:
    """Run `python -m contexttune`, and exit."""
    if len(sys.argv) == 1:
        from contexttune.launch.welcome import first_steps

        sys.exit(first_steps())
    if isinstance(sys.stdout, io.TextIOWrapper):  # none where it is closed
        # a terminal that is not UTF-8 must not end a run at its table
        sys.stdout.reconfigure(errors="replace")
    os.environ.setdefault("PYTHON_DOTENV_DISABLED", "1")  # swebench would load a .env that lies about
    schema.register()
    signal.signal(signal.SIGTERM, _interrupt)
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us: Hydra's own words for them name a wrong remedy
    try:
        sys.argv[1:] = reproduce.expand(sys.argv[1:])
        _compose_and_run()
        code = session.current.finish()
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as error:
        if wants_traceback:
            raise
        code = _told(error)
    except SystemExit as stopped:  # argparse's, and ours from a callback: what is wrong has been printed
        code = ExitCode(int(stopped.code or 0))
    _close(code)


def _told(error: Exception) -> ExitCode:
    """Say what ended the program, with a traceback where nobody but us could mend it."""
    from contexttune.config.user_errors import known

    if isinstance(error, BrokenPipeError):  # whoever read it has seen enough, as `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return ExitCode.FAILED
    found = known(error)
    nothing_began = not session.current.jobs and session.current.sweep is None
    if found is None and nothing_began and isinstance(error, ValueError):  # Hydra's, of flags and groups
        found = ConfigError(f"{' '.join(str(error).split())}: see --help and --hydra-help")
    if found is None:
        traceback.print_exception(error)
        sys.stderr.write("this is a defect of contexttune, please report it\n")
        return ExitCode.FAILED
    sys.stderr.write(f"error: {found}\n")
    return found.exit_code


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
        try:
            session.current.show_tables()
        except Exception as error:  # noqa: BLE001 - it must not hide how the jobs ended
            told = _told(error)
            code = code or told
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, AttributeError):  # full, closed, or none at all: nobody is there to tell
            stream.flush()
    os._exit(code)  # threads that wait for a model's answer would hold the process for minutes
