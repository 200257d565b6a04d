"""Container engines, used through their command lines. A new engine subclasses Container and Engine."""

from __future__ import annotations

import logging
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from contexttune.errors import InfraError, PreflightError
from contexttune.paths import slug
from contexttune.system import subprocesses
from contexttune.system.subprocesses import ExecResult

log = logging.getLogger(__name__)

TESTBED = "/testbed"
HOSTNAME = "testbed"  # fixed: the machine's, or a container's id, would differ between attempts
NO_VARIABLES: Mapping[str, str] = MappingProxyType({})
# Printed before any command of the agent runs: the commit that changes are relative to (images have commits of their
# own on top of base_commit), and the files at it. The engine has just created /, which a listing of /testbed shows: a
# date of the image's does not change from start to start.
LISTING = f"""
touch -r {TESTBED} / 2>/dev/null
git -C {TESTBED} rev-parse HEAD 2>/dev/null || echo
git -C {TESTBED} -c core.quotePath=false ls-tree -r --name-only HEAD 2>/dev/null
"""
_STATE_BYTES = 1_000_000
_OUTPUT_BYTES = 200_000_000  # an agent can replace commands in its container, including those that we use
_PULL_ATTEMPTS = 3
_PULL_WAIT_S = 5.0
_PULL_TIMEOUT_S = 3600.0
_FINAL = ("not found", "manifest unknown", "access denied", "invalid reference")  # not worth a retry


@dataclass(frozen=True, kw_only=True)
class Container(ABC):
    """A running container. Can be pickled: a worker runs commands in it, and the program takes its diff."""

    executable: str
    name: str

    @abstractmethod
    def exec_argv(
        self, *command: str, variables: Mapping[str, str] = NO_VARIABLES, stdin: bool = False
    ) -> list[str]:
        """The command line that runs `command` in /testbed, connected to standard input if `stdin`."""

    def problem(self, timeout_s: float) -> str | None:
        """The problem with the container; None while it runs."""
        state = subprocesses.run(self._state_argv(), timeout_s=timeout_s, limit_bytes=_STATE_BYTES)
        if state.timed_out:
            return f"{self.executable} does not answer"
        if state.returncode != 0:
            return last_line(state)
        return None if self._is_running(state.output) else "it has stopped"

    @abstractmethod
    def _state_argv(self) -> list[str]:
        """The command line that prints the container's state."""

    @abstractmethod
    def _is_running(self, state: bytes) -> bool: ...

    def kill_all(self, timeout_s: float) -> None:
        """Kill all processes but the first, which a signal from inside does not reach."""
        argv = self.exec_argv("sh", "-c", "kill -s KILL -- -1")
        subprocesses.run(argv, timeout_s=timeout_s, limit_bytes=_STATE_BYTES)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Network and resources of a container; None: no limit."""

    network: str = "none"
    memory_gb: float | None = None
    cpus: float | None = None
    pids_limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Engine(ABC):
    """Starts containers from the instances' images, and removes them."""

    name: ClassVar[str]
    remedy: ClassVar[str]  # for an engine that does not answer
    executable: str
    limits: Limits
    run_args: Sequence[str]  # further arguments for the start of a container
    images: Path  # where an engine without an image store keeps images

    def preflight(self) -> None:
        """Raise PreflightError when the engine does not answer."""
        try:
            done = self._run("version", timeout_s=60)
        except FileNotFoundError:
            raise PreflightError(
                f"runner.container={self.name}: {self.executable} is not on PATH: install it, set "
                "runner.container_command to its name, or choose runner=mini_swe_agent"
            ) from None
        except InfraError as error:
            raise PreflightError(f"{error}: {self.remedy}") from None
        if done.returncode != 0:
            raise PreflightError(f"{self.executable} does not answer ({last_line(done)}): {self.remedy}")

    @abstractmethod
    def sweep(self, label: str) -> int:
        """Remove the containers that a killed process left under this label, and return how many."""

    @abstractmethod
    def digest(self, image: str) -> str | None:
        """A digest of the image's content; None when the image is not here."""

    def pull(self, image: str) -> None:
        """Fetch an image. Raises InfraError after a few attempts."""
        for attempt in range(1, _PULL_ATTEMPTS + 1):
            again = f" (attempt {attempt} of {_PULL_ATTEMPTS})" if attempt > 1 else ""
            log.info("pulling %s%s", image, again)
            done = self._pull(image, _PULL_TIMEOUT_S)
            if done.returncode == 0:
                return
            reason = last_line(done)
            if any(final in reason for final in _FINAL):
                break
            if attempt < _PULL_ATTEMPTS:
                time.sleep(_PULL_WAIT_S * attempt)
        raise InfraError(f"image {image} cannot be pulled: {reason}")

    @contextmanager
    def container(self, image: str, label: str, instance_id: str) -> Iterator[Container]:
        """A running container. Raises InfraError when it does not start."""
        name = f"{self._name_prefix(label)}{slug(instance_id)[:80]}-{uuid.uuid4().hex[:8]}"
        try:
            done = self._start(name, image, label)
            if done.returncode != 0:
                raise InfraError(f"no container of {image}: {last_line(done)}")
            yield self._container(name)
        finally:
            with suppress(InfraError):  # the next start sweeps what cannot be removed now
                self._remove(name)

    def execute(self, container: Container, script: str, timeout_s: float) -> ExecResult:
        """Run a shell script in a container. Raises InfraError when it does not end in time."""
        return self._run(*container.exec_argv("sh", "-c", script)[1:], timeout_s=timeout_s)

    @abstractmethod
    def listing(self, container: Container) -> list[str]:
        """The commit of /testbed when the container started ("" if unknown), and the files at it."""

    def _name_prefix(self, label: str) -> str:
        return "contexttune-"

    @abstractmethod
    def _pull(self, image: str, timeout_s: float) -> ExecResult: ...

    @abstractmethod
    def _start(self, name: str, image: str, label: str) -> ExecResult: ...

    @abstractmethod
    def _container(self, name: str) -> Container: ...

    @abstractmethod
    def _remove(self, name: str) -> None: ...

    def _run(self, *args: str, timeout_s: float = 120) -> ExecResult:
        """Run the engine's command. Raises InfraError when it does not end in time."""
        done = subprocesses.run(
            [self.executable, *args],
            timeout_s=timeout_s,
            limit_bytes=_OUTPUT_BYTES,
            process_group=0,  # a signal to the program's group must not end the removal of a container
        )
        if done.timed_out:
            raise InfraError(f"{self.executable} {args[0]} took more than {timeout_s:.0f} s")
        return done


def last_line(done: ExecResult) -> str:
    """The last line that a command wrote to stderr."""
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    # `docker run` ends with a hint at its help
    found = [line for line in lines if line.strip() and not line.startswith("See 'docker")]
    return found[-1] if found else "no reason given"
