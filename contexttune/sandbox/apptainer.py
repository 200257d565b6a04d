"""Apptainer (or singularity), for clusters without a Docker daemon. Implemented from its manual: see docs/adr/0012."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from contexttune.errors import InfraError
from contexttune.sandbox import scratch
from contexttune.sandbox.engine import (
    HOSTNAME,
    LISTING,
    NO_VARIABLES,
    TESTBED,
    Container,
    Engine,
    last_line,
)
from contexttune.system.files import locked, write_atomic
from contexttune.system.subprocesses import ExecResult

log = logging.getLogger(__name__)

_START_TIMEOUT_S = 300.0
_WRITABLE = {"--overlay", "-o", "--writable", "-w", "--writable-tmpfs"}
_PID_NAMESPACE = "readlink /proc/self/ns/pid\n"


class ApptainerInstance(Container):
    """Namespaces and files that persist without a process."""

    def exec_argv(
        self, *command: str, variables: Mapping[str, str] = NO_VARIABLES, stdin: bool = False
    ) -> list[str]:
        # `env` inside, because --env splits values at commas
        settings = ["env", *(f"{name}={value}" for name, value in variables.items())] if variables else []
        flags = ("--silent", "exec", "--cleanenv", "--pwd", TESTBED)
        return [self.executable, *flags, f"instance://{self.name}", *settings, *command]

    def _state_argv(self) -> list[str]:
        return [self.executable, "instance", "list", "--json", self.name]

    def _is_running(self, state: bytes) -> bool:
        return self.name in _names(state)


@dataclass(frozen=True, kw_only=True)
class Apptainer(Engine):
    """Images are files in the cache, converted from those of the registry; changes go to a scratch directory."""

    name: ClassVar[str] = "apptainer"
    remedy: ClassVar[str] = "check the output of `apptainer version`"
    _lists: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def preflight(self) -> None:
        super().preflight()
        if self._limits() and not _may_limit():
            log.warning(
                "apptainer cannot limit containers here (that needs cgroups v2 and a systemd session): "
                "runner.memory_gb, runner.cpus and runner.pids_limit have no effect, only the limits of the job"
            )

    def sweep(self, label: str) -> int:
        found = _names(self._run("instance", "list", "--json").output)
        left = [name for name in found if name.startswith(scratch.prefix(label))]
        for name in left:
            self._remove(name)
        scratch.sweep(label)
        return len(left)

    def digest(self, image: str) -> str | None:
        """Digest of the image file, stored next to it because reading the file takes a while."""
        path = self._file(image)
        if not path.is_file():
            return f"directory {path}" if path.is_dir() else None
        stored = path.with_name(f"{path.name}.sha256")
        with suppress(OSError):
            if stored.stat().st_mtime >= path.stat().st_mtime:
                return stored.read_text().strip()
        with path.open("rb") as source:
            digest = f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"
        with suppress(OSError):  # the directory may be read-only
            write_atomic(stored, f"{digest}\n")
        return digest

    def _pull(self, image: str, timeout_s: float) -> ExecResult:
        path = self._file(image)
        with locked(path.with_name(f"{path.name}.lock")):
            if path.exists():  # another process has converted it meanwhile
                return ExecResult(output=b"", returncode=0)
            for leftover in path.parent.glob(f".{path.name}.*"):  # left by a dead process
                leftover.unlink()
            aside = path.with_name(f".{path.name}.{os.getpid()}")
            source = image if "://" in image else f"docker://{image}"
            done = self._run("pull", "--force", str(aside), source, timeout_s=timeout_s)
            if done.returncode == 0:
                aside.replace(path)
            return done

    def _start(self, name: str, image: str, label: str) -> ExecResult:
        if not self._file(image).exists():
            return ExecResult(output=b"", returncode=1, stderr=f"{self._file(image)} does not exist".encode())
        folder = self._scratch(name)
        folder.mkdir(mode=0o700)
        for part in ("overlay", "work"):
            (folder / part).mkdir()
        flags = ["--containall", "--cleanenv", "--no-home", "--hostname", HOSTNAME]
        flags += ["--workdir", str(folder / "work")]
        flags += ["--fakeroot"] if os.geteuid() != 0 else []  # an image's files belong to root
        if not any(word.split("=")[0] in _WRITABLE for word in self.run_args):
            flags += ["--overlay", str(folder / "overlay")]
        if self.limits.network != "host":
            flags += ["--net", "--network", self.limits.network]
        flags += self._limits() if _may_limit() else []
        flags += self.run_args
        done = self._run(
            "instance", "start", *flags, str(self._file(image)), name, timeout_s=_START_TIMEOUT_S
        )
        if done.returncode == 0:
            self._lists[name] = self._list(name)
        return done

    def _list(self, name: str) -> list[str]:
        """The output of LISTING. Raises InfraError without a PID namespace, because strays are killed by `kill -1`."""
        done = self.execute(self._container(name), _PID_NAMESPACE + LISTING, timeout_s=_START_TIMEOUT_S)
        namespace, *listed = done.output.decode(errors="replace").splitlines() or [""]
        if done.returncode != 0 and not namespace:
            raise InfraError(f"no command runs in {name}: {last_line(done)}")
        if namespace == os.readlink("/proc/self/ns/pid"):  # noqa: PTH115 - it names no file
            raise InfraError("apptainer creates no PID namespace: set `allow pid ns = yes` in apptainer.conf")
        return listed

    def _limits(self) -> list[str]:
        limits = self.limits
        flags = ["--memory", f"{limits.memory_gb:g}G"] if limits.memory_gb is not None else []
        flags += ["--cpus", str(limits.cpus)] if limits.cpus is not None else []
        return flags + (["--pids-limit", str(limits.pids_limit)] if limits.pids_limit is not None else [])

    def _container(self, name: str) -> Container:
        return ApptainerInstance(executable=self.executable, name=name)

    def _remove(self, name: str) -> None:
        self._lists.pop(name, None)
        self._run("instance", "stop", "--force", name)
        scratch.remove(self._scratch(name))

    def listing(self, container: Container) -> list[str]:
        return self._lists[container.name]

    def _name_prefix(self, label: str) -> str:
        return scratch.prefix(label)

    def _scratch(self, name: str) -> Path:
        return Path(tempfile.gettempdir()) / name

    def _file(self, image: str) -> Path:
        """The file of an image: its own path, or, for a name in a registry, one in the cache."""
        if image.startswith("/") or ("://" not in image and image.endswith(".sif")):
            return Path(image)
        name = image.removeprefix("docker://").replace("/", "_").replace(":", "_")
        return self.images / f"{name}.sif"


def _names(listed: bytes) -> list[str]:
    """The names that `instance list --json` printed; none if its output is invalid."""
    try:
        return [str(one["instance"]) for one in json.loads(listed)["instances"] or ()]
    except (ValueError, KeyError, TypeError):
        return []


def _may_limit() -> bool:
    """Whether apptainer can set limits: root can; other users need cgroups v2 and a systemd session."""
    has_systemd = {"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"} <= os.environ.keys()
    return os.geteuid() == 0 or (has_systemd and Path("/sys/fs/cgroup/cgroup.controllers").exists())
