"""What every container engine does for an attempt, by its command line. A further engine is one class of each kind."""

from __future__ import annotations

import logging
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from contexttune.errors import InfraError, PreflightError
from contexttune.paths import slug
from contexttune.system import subprocesses

log = logging.getLogger(__name__)

TESTBED = "/testbed"
HOSTNAME = "testbed"  # in a sandbox and in a container: the machine's, or a container's id, would change
# Says what an attempt's changes are changes to (images carry commits of their own on top of base_commit), and which
# files there are: before any command of the agent's.
# The engine has just made /, which a listing of /testbed shows; a date of the image's does not change from start to start.
LISTING = f"""
touch -r {TESTBED} / 2>/dev/null
git -C {TESTBED} rev-parse HEAD 2>/dev/null || echo
git -C {TESTBED} -c core.quotePath=false ls-tree -r --name-only HEAD 2>/dev/null
"""
_OUTPUT_BYTES = 200_000_000  # commands in a container are the agent's to replace, also those that we use
_PULL_ATTEMPTS = 3
_PULL_WAIT_S = 5.0
_PULL_TIMEOUT_S = 3600.0
_FINAL = ("not found", "manifest unknown", "access denied", "invalid reference")  # no retry changes these
_NOTHING: Mapping[str, str] = {}

Done = subprocess.CompletedProcess[bytes]


class Container(Protocol):
    """A container that runs. It pickles: the worker runs commands in it, and the program asks for its diff."""

    @property
    def name(self) -> str: ...

    def client(
        self, *command: str, variables: Mapping[str, str] = _NOTHING, stdin: bool = False
    ) -> list[str]:
        """A command line that runs `command` in /testbed, with our standard input when asked for."""
        ...

    def trouble(self, timeout_s: float) -> str | None:
        """None while it runs, else what the engine says of it. Raises subprocess.TimeoutExpired."""
        ...


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a container may reach and take; None: no limit."""

    network: str = "none"
    memory_gb: float | None = None
    cpus: float | None = None
    pids_limit: int | None = None


@dataclass(frozen=True, kw_only=True)
class Engine(ABC):
    """Starts containers from instances' images, labels them, and always removes them."""

    name: ClassVar[str]
    remedy: ClassVar[str]  # for one that does not answer
    executable: str
    limits: Limits
    run_args: Sequence[str]  # further words for the start of a container
    images: Path  # where an engine without a store of its own keeps images

    def preflight(self) -> None:
        """Raise PreflightError when the engine does not answer."""
        try:
            done = self._run("version", timeout_s=60)
        except FileNotFoundError:
            raise PreflightError(
                f"runner.container={self.name}: {self.executable} is not on PATH: install it, name another one by "
                "runner.container_command, or choose runner=mini_swe_agent"
            ) from None
        except InfraError as error:
            raise PreflightError(f"{error}: {self.remedy}") from None
        if done.returncode != 0:
            raise PreflightError(f"{self.executable} does not answer ({last_words(done)}): {self.remedy}")

    @abstractmethod
    def sweep(self, label: str) -> int:
        """Remove containers that a killed process left under this label; how many there were."""

    @abstractmethod
    def digest(self, image: str) -> str | None:
        """What tells the image from others of its name; None when it is not here."""

    def pull(self, image: str) -> None:
        """Fetch an image. Raises InfraError after a bounded number of attempts."""
        for attempt in range(1, _PULL_ATTEMPTS + 1):
            again = f" (attempt {attempt} of {_PULL_ATTEMPTS})" if attempt > 1 else ""
            log.info("pulling %s%s", image, again)
            done = self._fetch(image, _PULL_TIMEOUT_S)
            if done.returncode == 0:
                return
            words = last_words(done)
            if any(final in words for final in _FINAL):
                break
            if attempt < _PULL_ATTEMPTS:
                time.sleep(_PULL_WAIT_S * attempt)
        raise InfraError(f"image {image} cannot be pulled: {words}")

    @contextmanager
    def container(self, image: str, label: str, instance_id: str) -> Iterator[Container]:
        """A running container. Raises InfraError when it does not start."""
        name = f"{self._prefix(label)}{slug(instance_id)[:80]}-{uuid.uuid4().hex[:8]}"
        try:
            done = self._start(name, image, label)
            if done.returncode != 0:
                raise InfraError(f"no container of {image}: {last_words(done)}")
            yield self._made(name)
        finally:
            with suppress(InfraError):  # what cannot be removed now is swept at the next start
                self._remove(name)

    def execute(self, container: Container, script: str, timeout_s: float) -> Done:
        """Run a script of ours in a container. Raises InfraError when there is no answer in time."""
        return self._run(*container.client("sh", "-c", script)[1:], timeout_s=timeout_s)

    def first_commit(self, container: Container) -> str:
        """The commit that /testbed was at when the container started; "" where git did not say."""
        return (self._listed(container) or [""])[0]

    def first_files(self, container: Container) -> frozenset[str]:
        """The files that git knew in /testbed when the container started."""
        return frozenset(self._listed(container)[1:])

    def _prefix(self, label: str) -> str:
        """How names of containers begin."""
        return "contexttune-"

    @abstractmethod
    def _fetch(self, image: str, timeout_s: float) -> Done: ...

    @abstractmethod
    def _start(self, name: str, image: str, label: str) -> Done: ...

    @abstractmethod
    def _made(self, name: str) -> Container: ...

    @abstractmethod
    def _remove(self, name: str) -> None: ...

    @abstractmethod
    def _listed(self, container: Container) -> list[str]:
        """Lines of LISTING, run when the container started."""

    def _run(self, *args: str, timeout_s: float = 120) -> Done:
        """Raises InfraError when the engine does not answer in time."""
        try:
            # which ends with us, for a pull may last longer than we do
            return subprocesses.bounded(
                [self.executable, *args], timeout_s=timeout_s, limit_bytes=_OUTPUT_BYTES
            )
        except subprocess.TimeoutExpired:
            raise InfraError(f"{self.executable} {args[0]} took more than {timeout_s:.0f} s") from None


def last_words(done: Done) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    # `docker run` closes with a hint at its help
    said = [line for line in lines if line.strip() and not line.startswith("See 'docker")]
    return said[-1] if said else "no reason given"
