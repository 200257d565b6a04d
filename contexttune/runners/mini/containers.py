"""Containers for attempts: started from the instance's image, labelled, limited, and always removed."""

from __future__ import annotations

import logging
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from contexttune import child
from contexttune.config import slug
from contexttune.errors import InfraError, PreflightError
from contexttune.runners.mini.shells import HOSTNAME, TESTBED

log = logging.getLogger(__name__)

LABEL = "contexttune.run"
_PULL_ATTEMPTS = 3
_PULL_WAIT_S = 5.0
_FINAL = ("not found", "manifest unknown", "access denied", "invalid reference")  # no retry changes these
_START_TIMEOUT_S = 120.0
# Says what an attempt's changes are changes to (images carry commits of their own on top of base_commit), and which
# files there are: in its own time, while the model thinks about its first answer.
# The engine has just made /, which a listing of /testbed shows; a date of the image's does not change from start to start.
_FIRST_PROCESS = f"""
touch -r {TESTBED} / 2>/dev/null
git -C {TESTBED} rev-parse HEAD 2>/dev/null || echo
git -C {TESTBED} -c core.quotePath=false ls-tree -r --name-only HEAD 2>/dev/null
exec sleep infinity
"""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A container engine by its command line: docker, or podman, which takes the same words."""

    executable: str
    run_args: Sequence[str]
    _digests: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    def preflight(self) -> None:
        """Raise PreflightError when the engine does not answer."""
        try:
            done = self._run("version", timeout_s=60)
        except FileNotFoundError:
            raise PreflightError(
                f"runner.container={self.executable} is not on PATH: install it, or choose runner=mini_swe_agent"
            ) from None
        except InfraError as error:
            raise PreflightError(f"{error}: start it anew, or set DOCKER_HOST") from None
        if done.returncode != 0:
            raise PreflightError(
                f"{self.executable} does not answer ({_last_words(done)}): start it, or set DOCKER_HOST"
            )

    def sweep(self, label: str) -> int:
        """Remove containers that a killed process left under this label; how many there were."""
        found = self._run("ps", "--all", "--quiet", "--filter", f"label={LABEL}={label}").stdout.split()
        if found:
            self._run("rm", "--force", "--volumes", *(name.decode() for name in found))
        return len(found)

    def digest(self, image: str) -> str | None:
        """The image's repository digest, or its id when it has none; None when it is not here. Asked for once."""
        if image in self._digests:
            return self._digests[image]
        shape = "{{if .RepoDigests}}{{index .RepoDigests 0}}{{else}}{{.Id}}{{end}}"
        done = self._run("image", "inspect", "--format", shape, image)
        if done.returncode != 0:
            return None
        return self._digests.setdefault(image, done.stdout.decode().strip())

    def pull(self, image: str) -> None:
        """Fetch an image. Raises InfraError after a bounded number of attempts."""
        for attempt in range(1, _PULL_ATTEMPTS + 1):
            log.info(
                "pulling %s%s", image, f" (attempt {attempt} of {_PULL_ATTEMPTS})" if attempt > 1 else ""
            )
            done = self._run("pull", "--quiet", image, timeout_s=3600)
            if done.returncode == 0:
                return
            words = _last_words(done)
            if any(final in words for final in _FINAL):
                break
            if attempt < _PULL_ATTEMPTS:
                time.sleep(_PULL_WAIT_S * attempt)
        raise InfraError(f"image {image} cannot be pulled: {words}")

    @contextmanager
    def container(self, image: str, label: str, instance_id: str) -> Iterator[str]:
        """A running container's name. Raises InfraError when it does not start."""
        name = f"contexttune-{slug(instance_id)[:80]}-{uuid.uuid4().hex[:8]}"
        try:
            self._start(name, image, label)
            yield name
        finally:
            with suppress(InfraError):  # what cannot be removed now is swept at the next start
                self._run("rm", "--force", "--volumes", name)

    def execute(self, name: str, script: str, timeout_s: float) -> subprocess.CompletedProcess[bytes]:
        """Run a script of ours in a container. Raises InfraError when there is no answer in time."""
        return self._run("exec", name, "sh", "-c", script, timeout_s=timeout_s)

    def first_commit(self, name: str) -> str:
        """The commit that /testbed was at when the container started; "" where git did not say."""
        return self._logged(name)[0]

    def first_files(self, name: str) -> frozenset[str]:
        """The files that git knew in /testbed when the container started."""
        return frozenset(self._logged(name)[1:])

    def _logged(self, name: str) -> list[str]:
        return self._run("logs", name).stdout.decode(errors="replace").splitlines() or [""]

    def _start(self, name: str, image: str, label: str) -> None:
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
            "--workdir",
            TESTBED,
        )
        done = self._run(
            *("run", *flags, *self.run_args, "--entrypoint", "sh", image, "-c", _FIRST_PROCESS),
            timeout_s=_START_TIMEOUT_S,
        )
        if done.returncode != 0:
            raise InfraError(f"no container of {image}: {_last_words(done)}")

    def _run(self, *args: str, timeout_s: float = 120) -> subprocess.CompletedProcess[bytes]:
        """Raises InfraError when the engine does not answer in time."""
        try:
            return subprocess.run(
                [self.executable, *args],
                capture_output=True,
                timeout=timeout_s,
                check=False,
                preexec_fn=child.dies_with_parent(),  # a pull may last longer than we do
            )
        except subprocess.TimeoutExpired:
            raise InfraError(f"{self.executable} {args[0]} took more than {timeout_s:.0f} s") from None


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    # `docker run` closes with a hint at its help
    said = [line for line in lines if line.strip() and not line.startswith("See 'docker")]
    return said[-1] if said else "no reason given"
