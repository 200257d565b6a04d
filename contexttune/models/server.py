"""The model's server: an external one, or one that the job starts before the first call and stops after the last."""

from __future__ import annotations

import logging
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, PreflightError
from contexttune.models.server_process import Address, PortTaken, ServerProcess

log = logging.getLogger(__name__)

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_PLACEHOLDERS = ("port", "name", "weights", "python")


class Server:
    """The server of a model. This base class starts nothing."""

    starts: ClassVar[bool] = False  # whether `start` starts a process

    @property
    def address(self) -> Address | None:
        """Address of the server; None unless this job has started it."""
        return None

    def preflight(self, name: str) -> None:
        """Raise ConfigError or PreflightError when it could not serve a model under that name."""

    def start(self, name: str) -> None:
        """Return once it answers."""

    def stop(self) -> None:
        """Stop what `start` started."""

    def served(self) -> Mapping[str, Any] | None:
        """Facts that the server reported, for run.json; also after `stop`."""
        return None


@dataclass(frozen=True, kw_only=True)
class NoServer(Server):
    """The endpoint runs elsewhere: at model.base_url or OPENAI_BASE_URL."""

    version: ClassVar[int] = 1
    affects_results: ClassVar[bool] = False


@dataclass(frozen=True, kw_only=True)
class RunningServer(NoServer):
    """A server that another process has started and will stop."""

    listens: Address

    @property
    def address(self) -> Address:
        return self.listens


@dataclass(frozen=True, kw_only=True)
class CommandServer(Server):
    """Runs `command` with `options` on a free port of 127.0.0.1.

    There is no shell: each item is one argument. {port}, {name} (model.name), {weights} and {python} (sys.executable)
    are replaced in it.
    """

    version: ClassVar[int] = 1
    starts: ClassVar[bool] = True
    command: list[str | int | float]
    options: list[str | int | float] = field(default_factory=list)
    weights: str | None = None
    startup_timeout_s: float = field(default=900.0, metadata=NO_EFFECT)
    run_dir: Path | None = None
    _running: dict[str, ServerProcess] = field(default_factory=dict, init=False, repr=False, compare=False)
    _served: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.startup_timeout_s <= 0:
            raise ConfigError(f"model.server.startup_timeout_s must be above 0, got {self.startup_timeout_s}")
        used = {name for part in self._parts for name in _PLACEHOLDER.findall(part)}
        if unknown := sorted(used - set(_PLACEHOLDERS)):
            raise ConfigError(
                f"model.server.command has the unknown placeholder {{{unknown[0]}}}: use {{port}}, {{name}}, {{weights}} or {{python}}"
            )
        if "port" not in used:
            raise ConfigError(
                "model.server.command must contain {port}: the server has to listen on the port chosen for the job"
            )

    @property
    def address(self) -> Address | None:
        return self._running["now"].address if self._running else None

    def preflight(self, name: str) -> None:
        """Raise PreflightError when the program is not on PATH."""
        program = self._argv(name, 0)[0]
        if shutil.which(program) is None:
            raise PreflightError(
                f"model.server.command: {program} is not on PATH; install it, or give its full path"
            )

    def start(self, name: str) -> None:
        """Return once the server answers. Raises PreflightError with the end of its log."""
        log_path = (self.run_dir or Path()) / "server.log"
        for reserve in (True, False):
            log.info("starting the model server; its log is %s", log_path)
            server = self._running["now"] = ServerProcess(
                argv=lambda port: self._argv(name, port),
                log_path=log_path,
                startup_timeout_s=self.startup_timeout_s,
                reserve=reserve,
            )
            try:
                server.start()
                self._started(name, server.facts)
                return
            except PortTaken:
                log.warning("port %d was taken by another process; trying another port", server.port)
                self.stop()
            except BaseException:
                self.stop()
                raise
        raise PreflightError(
            f"the model server could not listen on two ports in a row: see its log {log_path}"
        )

    def _started(self, name: str, facts: Mapping[str, Any]) -> None:
        self._served.update(facts)
        log.info("the model server is ready after %.1f s", facts["loading_s"])
        if name not in (models := facts["models"] or [name]):
            log.warning("model.name=%s, but the server lists %s", name, ", ".join(map(str, models)))

    def stop(self) -> None:
        if self._running:
            self._running.pop("now").stop()

    def served(self) -> Mapping[str, Any] | None:
        return dict(self._served) or None

    @property
    def _parts(self) -> list[str]:
        return [str(part) for part in (*self.command, *self.options)]

    def _argv(self, name: str, port: int) -> list[str]:
        values = {"port": str(port), "name": name, "weights": self.weights or name, "python": sys.executable}
        return [_PLACEHOLDER.sub(lambda match: values[match[1]], part) for part in self._parts]


@dataclass(frozen=True, kw_only=True)
class LlamaCpp(CommandServer):
    """A CommandServer that serves a GGUF file."""

    version: ClassVar[int] = 1

    def preflight(self, name: str) -> None:
        """Raise ConfigError or PreflightError without a file of weights."""
        if not self.weights:
            raise ConfigError("model.server.weights is not set: give the path of a GGUF file")
        if not Path(self.weights).is_file():
            raise PreflightError(
                f"model.server.weights={self.weights} is not a file: give the path of a GGUF file"
            )
        super().preflight(name)
