"""Docker, and podman, which has the same command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from contexttune.errors import InfraError
from contexttune.sandbox.engine import (
    HOSTNAME,
    LISTING,
    NO_VARIABLES,
    TESTBED,
    Container,
    Engine,
    last_line,
)
from contexttune.system.files import read_json
from contexttune.system.subprocesses import ExecResult

LABEL = "contexttune.run"
# The first process gets the orphans of all commands; while it ignores SIGCHLD, the kernel reaps them, so that they do
# not count against the limit of processes. An init of the engine's would show, and its child would be within reach of
# `kill -1`, which ends strays.
_IDLE = """
env --ignore-signal=CHLD true 2>/dev/null && exec env --ignore-signal=CHLD sleep infinity
exec sleep infinity
"""
_START_TIMEOUT_S = 120.0
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")


class DockerContainer(Container):
    def exec_argv(
        self, *command: str, variables: Mapping[str, str] = NO_VARIABLES, stdin: bool = False
    ) -> list[str]:
        settings = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        flags = [*(["-i"] if stdin else []), *settings, "-w", TESTBED]
        return [self.executable, "exec", *flags, self.name, *command]

    def _state_argv(self) -> list[str]:
        return [self.executable, "inspect", "--format", "{{.State.Running}}", self.name]

    def _is_running(self, state: bytes) -> bool:
        return state.strip() == b"true"


@dataclass(frozen=True, kw_only=True)
class Docker(Engine):
    name: ClassVar[str] = "docker"
    remedy: ClassVar[str] = "start it, or set DOCKER_HOST"
    _digests: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def sweep(self, label: str) -> int:
        found = self._run("ps", "--all", "--quiet", "--filter", f"label={LABEL}={label}").output.split()
        if found:
            self._run("rm", "--force", "--volumes", *(name.decode() for name in found))
        return len(found)

    def digest(self, image: str) -> str | None:
        """The image's repository digest, or its id when it has none; cached."""
        if image in self._digests:
            return self._digests[image]
        template = "{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}"
        done = self._run("image", "inspect", "--format", template, image)
        if done.returncode != 0:
            return None
        return self._digests.setdefault(image, done.output.decode().strip())

    def _pull(self, image: str, timeout_s: float) -> ExecResult:
        return self._run("pull", "--quiet", image, timeout_s=timeout_s)

    def _start(self, name: str, image: str, label: str) -> ExecResult:
        return self._run(
            *("run", "--detach", "--init=false", "--name", name, "--label", f"{LABEL}={label}"),
            *("--hostname", HOSTNAME, "--workdir", TESTBED),
            *(*self._limits(), *self._without_proxies(), *self.run_args),
            # the listing takes its time while the model thinks about its first answer
            *("--entrypoint", "sh", image, "-c", LISTING + _IDLE),
            timeout_s=_START_TIMEOUT_S,
        )

    def _without_proxies(self) -> list[str]:
        """Unset the proxies that the client passes to every container, with the passwords in them."""
        home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        try:
            configured = read_json(home / "config.json")
        except (OSError, ValueError):  # the client reports it
            return []
        if not isinstance(configured, Mapping) or not configured.get("proxies"):
            return []
        names = [name for upper in _PROXIES for name in (upper, upper.lower())]
        return [word for name in names for word in ("--env", f"{name}=")]

    def _limits(self) -> list[str]:
        limits = self.limits
        flags = [f"--network={limits.network}"]
        flags += [f"--memory={limits.memory_gb}g"] if limits.memory_gb is not None else []
        flags += [f"--cpus={limits.cpus}"] if limits.cpus is not None else []
        return flags + ([f"--pids-limit={limits.pids_limit}"] if limits.pids_limit is not None else [])

    def _container(self, name: str) -> Container:
        return DockerContainer(executable=self.executable, name=name)

    def _remove(self, name: str) -> None:
        self._run("rm", "--force", "--volumes", name)

    def listing(self, container: Container) -> list[str]:
        done = self._run("logs", container.name)
        if done.returncode != 0:
            raise InfraError(f"no output of {container.name}: {last_line(done)}")
        return done.output.decode(errors="replace").splitlines()


@dataclass(frozen=True, kw_only=True)
class Podman(Docker):
    name: ClassVar[str] = "podman"
    remedy: ClassVar[str] = "check the output of `podman info`"

    def _without_proxies(self) -> list[str]:
        return ["--http-proxy=false"]

    def _pull(self, image: str, timeout_s: float) -> ExecResult:
        """Pull an image; a name without a registry is pulled from Docker Hub, since podman has no default."""
        host, slash, _ = image.partition("/")
        is_full = bool(slash) and (host == "localhost" or "." in host or ":" in host)
        return super()._pull(image if is_full else f"docker.io/{image}", timeout_s)
