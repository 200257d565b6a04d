"""Agents that work in the instance's own image: the settings of its container, and its engine."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property

from contexttune.config.build import NO_EFFECT
from contexttune.errors import ConfigError, InfraError
from contexttune.interfaces import UsesImages
from contexttune.runners.agent_runner import AgentRunner
from contexttune.sandbox.apptainer import Apptainer
from contexttune.sandbox.docker import Docker, Podman
from contexttune.sandbox.engine import Engine, Limits
from contexttune.sandbox.testbed import Testbed, container_testbed
from contexttune.system.progress import Progress
from contexttune.system.thread_pool import map_in_threads
from contexttune.types import Instance

log = logging.getLogger(__name__)

ENGINES: Mapping[str, type[Engine]] = {engine.name: engine for engine in (Docker, Podman, Apptainer)}
_PARALLEL_PULLS = 2
_SWEEPS, _SWEEP_S = 5, 2.0


@dataclass(frozen=True, kw_only=True)
class ContainerRunner(AgentRunner, UsesImages):
    """Runs commands in a container of the instance's image, by default without a network."""

    container: str = "docker"  # a name in ENGINES
    container_command: str | None = field(default=None, metadata=NO_EFFECT)  # the engine's executable
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
        self.engine.preflight()
        super().preflight()

    @cached_property
    def engine(self) -> Engine:
        limits = Limits(
            network=self.network, memory_gb=self.memory_gb, cpus=self.cpus, pids_limit=self.pids_limit
        )
        return ENGINES[self.container](
            executable=self.container_command or self.container,
            limits=limits,
            run_args=self.run_args,
            images=self.workspace.layout.images,
        )

    @property
    def variables(self) -> Mapping[str, str]:
        """Environment variables of the agent's commands."""
        return {}

    @property
    def login_shell(self) -> bool:
        """Whether commands run in a login shell."""
        return False

    def sweep(self) -> None:
        if n_containers := self.engine.sweep(self.label):
            log.info("removed %d containers that a killed process had left", n_containers)

    def stop(self) -> None:
        """End the running attempts, and remove the containers of those that take long: to start, or for their diff."""
        super().stop()
        for _ in range(_SWEEPS):
            with self._changed:
                if self._changed.wait_for(lambda: not self._running, timeout=_SWEEP_S):
                    return
            try:
                self.sweep()
            except InfraError:
                return  # the next start removes what an engine that does not answer holds

    def prepare(self, instances: Sequence[Instance]) -> None:
        """Pull missing images, a few at once. If one cannot be pulled, the attempts that need it become outages."""
        try:
            images = dict.fromkeys(instance.image for instance in instances)
            missing = [image for image in images if self.engine.digest(image) is None]
        except InfraError:
            return  # the engine does not answer, which each attempt reports
        with Progress("images", len(missing)) as progress:
            map_in_threads(lambda image: self._pull(image, progress), missing, _PARALLEL_PULLS, "pull")

    def _pull(self, image: str, progress: Progress) -> None:
        progress.start(image)
        try:
            self.engine.pull(image)
        except InfraError as error:
            self._unavailable[image] = str(error)
        progress.finish(image, self._unavailable.get(image, "is here"))

    def image_digests(self, images: Sequence[str]) -> dict[str, str]:
        found = {image: self.engine.digest(image) for image in images}
        return {image: digest for image, digest in found.items() if digest}

    def testbed(self, instance: Instance) -> AbstractContextManager[Testbed]:
        if instance.image in self._unavailable:
            raise InfraError(self._unavailable[instance.image])
        return container_testbed(self.engine, instance, self.label, self.variables, login=self.login_shell)
