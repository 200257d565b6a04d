"""Docker, and podman, which takes the same words."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from contexttune.sandbox.engine import HOSTNAME, LISTING, TESTBED, Container, Done, Engine, last_words
from contexttune.system.files import read_json

LABEL = "contexttune.run"
_START_TIMEOUT_S = 120.0
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "ALL_PROXY", "NO_PROXY")
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class DockerContainer:
    """A container by its name."""

    executable: str
    name: str

    def client(
        self, *command: str, variables: Mapping[str, str] = _NOTHING, stdin: bool = False
    ) -> list[str]:
        words = [word for name, value in variables.items() for word in ("-e", f"{name}={value}")]
        flags = [*(["-i"] if stdin else []), *words, "-w", TESTBED]
        return [self.executable, "exec", *flags, self.name, *command]

    def trouble(self, timeout_s: float) -> str | None:
        argv = [self.executable, "inspect", "--format", "{{.State.Running}}", self.name]
        state = subprocess.run(argv, capture_output=True, check=False, timeout=timeout_s)
        if state.stdout.strip() == b"true":
            return None
        return last_words(state) if state.returncode else "it exited"


@dataclass(frozen=True, kw_only=True)
class Docker(Engine):
    name: ClassVar[str] = "docker"
    remedy: ClassVar[str] = "start it, or set DOCKER_HOST"
    _digests: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def sweep(self, label: str) -> int:
        found = self._run("ps", "--all", "--quiet", "--filter", f"label={LABEL}={label}").stdout.split()
        if found:
            self._run("rm", "--force", "--volumes", *(name.decode() for name in found))
        return len(found)

    def digest(self, image: str) -> str | None:
        """The image's repository digest, or its id when it has none. Asked for once."""
        if image in self._digests:
            return self._digests[image]
        shape = "{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}"
        done = self._run("image", "inspect", "--format", shape, image)
        if done.returncode != 0:
            return None
        return self._digests.setdefault(image, done.stdout.decode().strip())

    def _fetch(self, image: str, timeout_s: float) -> Done:
        return self._run("pull", "--quiet", image, timeout_s=timeout_s)

    def _start(self, name: str, image: str, label: str) -> Done:
        # --init=false: our kill of strays must find the container's first process out of reach
        flags = (
            "--detach",
            "--init=false",
            "--name",
            name,
            "--label",
            f"{LABEL}={label}",
            "--hostname",
            HOSTNAME,
        )
        return self._run(
            *("run", *flags, "--workdir", TESTBED, *self._limits(), *self._without_proxies(), *self.run_args),
            # in its own time, while the model thinks about its first answer
            *("--entrypoint", "sh", image, "-c", f"{LISTING}exec sleep infinity"),
            timeout_s=_START_TIMEOUT_S,
        )

    def _without_proxies(self) -> list[str]:
        """Without this the client sets its configured proxies, with their passwords, in every container."""
        home = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
        try:
            configured = read_json(home / "config.json")
        except (OSError, ValueError):  # the client says so itself
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

    def _made(self, name: str) -> Container:
        return DockerContainer(executable=self.executable, name=name)

    def _remove(self, name: str) -> None:
        self._run("rm", "--force", "--volumes", name)

    def _listed(self, container: Container) -> list[str]:
        return self._run("logs", container.name).stdout.decode(errors="replace").splitlines()


@dataclass(frozen=True, kw_only=True)
class Podman(Docker):
    name: ClassVar[str] = "podman"
    remedy: ClassVar[str] = "see what `podman info` says"

    def _without_proxies(self) -> list[str]:
        return ["--http-proxy=false"]  # those of our environment

    def _fetch(self, image: str, timeout_s: float) -> Done:
        """From the registry that docker means: podman has none of its own choice."""
        host, slash, _ = image.partition("/")
        is_full = bool(slash) and (host == "localhost" or "." in host or ":" in host)
        return super()._fetch(image if is_full else f"docker.io/{image}", timeout_s)
