"""mini-swe-agent in the instance's SWE-bench image, as `mini-extra swebench` runs it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import ClassVar

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError
from contexttune.interfaces import UsesImages
from contexttune.runners.mini.agent_runner import AgentRunner
from contexttune.runners.mini.protocols import PROTOCOLS
from contexttune.runners.mini.worker import Report
from contexttune.sandbox.apptainer import Apptainer
from contexttune.sandbox.docker import Docker, Podman
from contexttune.sandbox.engine import Engine, Limits
from contexttune.sandbox.testbed import Place, container_place
from contexttune.system.progress import Progress
from contexttune.system.thread_pool import map_in_threads
from contexttune.types import Instance

log = logging.getLogger(__name__)

ENGINES: Mapping[str, type[Engine]] = {made.name: made for made in (Docker, Podman, Apptainer)}
_PULLS_AT_ONCE = 2


@dataclass(frozen=True, kw_only=True)
class MiniSweAgentSwebench(AgentRunner, UsesImages):
    """The agent's commands run in a container of the instance's image, without a network."""

    version: ClassVar[int] = 1
    name: str = "mini_swe_agent_swebench"
    container: str = "docker"  # a name in ENGINES
    container_command: str | None = field(default=None, metadata=NO_EFFECT)  # what that engine is called here
    network: str = "none"
    memory_gb: float | None = 8.0
    cpus: float | None = None
    pids_limit: int | None = 2048
    run_args: list[str] = field(default_factory=list)
    _unavailable: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.container not in ENGINES:
            raise ConfigError(f"runner.container must be one of {', '.join(ENGINES)}, got {self.container}")
        super().__post_init__()

    def preflight(self) -> None:
        """Raise PreflightError when the engine does not answer."""
        self._engine().preflight()
        super().preflight()

    def sweep(self) -> None:
        """Remove containers of this run: no other process is at work on it."""
        if n_containers := self._engine().sweep(self.label):
            log.info("removed %d containers that a killed process had left", n_containers)

    def prepare(self, instances: Sequence[Instance]) -> None:
        """Fetch the images that are not here, a few at once; one that cannot be had is its instances' outage."""
        engine = self._engine()
        try:
            missing = [i for i in dict.fromkeys(i.image for i in instances) if engine.digest(i) is None]
        except InfraError:
            return  # an engine that does not answer: each attempt says so for itself
        with Progress("images", len(missing)) as progress:
            map_in_threads(lambda image: self._pull(engine, image, progress), missing, _PULLS_AT_ONCE, "pull")

    def image_digests(self, images: Sequence[str]) -> dict[str, str]:
        """image -> digest of those that are here. Raises InfraError."""
        engine = self._engine()
        found = {image: engine.digest(image) for image in images}
        return {image: digest for image, digest in found.items() if digest}

    def _pull(self, engine: Engine, image: str, progress: Progress) -> None:
        progress.start(image)
        try:
            engine.pull(image)
        except InfraError as error:
            self._unavailable[image] = str(error)
        progress.finish(image, self._unavailable.get(image, "is here"))

    def place(self, instance: Instance) -> AbstractContextManager[Place]:
        engine = self._engine()
        if instance.image in self._unavailable:
            raise InfraError(self._unavailable[instance.image])
        login = PROTOCOLS[self.protocol].login_shell
        return container_place(engine, instance, self.label, self.variables(), login=login)

    def submitted(self, report: Report, place: Place) -> str:
        """What the agent printed after the magic line, as mini-swe-agent takes it."""
        return report.submission

    def _engine(self) -> Engine:
        limits = Limits(
            network=self.network, memory_gb=self.memory_gb, cpus=self.cpus, pids_limit=self.pids_limit
        )
        return ENGINES[self.container](
            executable=self.container_command or self.container,
            limits=limits,
            run_args=self.run_args,
            images=self.workspace.layout.images,
        )
