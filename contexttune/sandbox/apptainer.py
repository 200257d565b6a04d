"""Apptainer, or singularity by its command: for clusters without a daemon. Written by its manual, see docs/adr/0012."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from contexttune.errors import InfraError
from contexttune.sandbox import scratch
from contexttune.sandbox.engine import HOSTNAME, LISTING, TESTBED, Container, Done, Engine, last_words
from contexttune.system.files import locked, write_atomic

log = logging.getLogger(__name__)

_START_TIMEOUT_S = 300.0
_WRITABLE = {"--overlay", "-o", "--writable", "-w", "--writable-tmpfs"}
_PIDS = "readlink /proc/self/ns/pid\n"
_NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True, kw_only=True)
class ApptainerInstance:
    """An instance by its name: namespaces and files that stay, without a process of their own."""

    executable: str
    name: str

    def client(
        self, *command: str, variables: Mapping[str, str] = _NOTHING, stdin: bool = False
    ) -> list[str]:
        # `env` in there, because --env divides values at commas
        words = ["env", *(f"{name}={value}" for name, value in variables.items())] if variables else []
        flags = ("--silent", "exec", "--cleanenv", "--pwd", TESTBED)
        return [self.executable, *flags, f"instance://{self.name}", *words, *command]

    def trouble(self, timeout_s: float) -> str | None:
        argv = [self.executable, "instance", "list", "--json", self.name]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=timeout_s
        )
        if done.returncode != 0:
            return last_words(done)
        return None if self.name in _names(done) else "it has stopped"


@dataclass(frozen=True, kw_only=True)
class Apptainer(Engine):
    """Images are files below the cache, made from what the registry has; what an attempt writes lies in a directory."""

    name: ClassVar[str] = "apptainer"
    remedy: ClassVar[str] = "see what `apptainer version` says"
    _lists: dict[str, list[str]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def preflight(self) -> None:
        super().preflight()
        if self._limits() and not _may_limit():
            log.warning(
                "apptainer may not limit containers here (it needs cgroups v2 and a session of systemd): "
                "runner.memory_gb, runner.cpus and runner.pids_limit do not hold, only the limits of the job"
            )

    def sweep(self, label: str) -> int:
        found = _names(self._run("instance", "list", "--json"))
        left = [name for name in found if name.startswith(scratch.prefix(label))]
        for name in left:
            self._remove(name)
        scratch.sweep(label)
        return len(left)

    def digest(self, image: str) -> str | None:
        """Of the file, which takes a while to read: kept beside it."""
        path = self._file(image)
        if not path.is_file():
            return f"directory {path}" if path.is_dir() else None
        beside = path.with_name(f"{path.name}.sha256")
        with suppress(OSError):
            if beside.stat().st_mtime >= path.stat().st_mtime:
                return beside.read_text().strip()
        with path.open("rb") as source:
            digest = f"sha256:{hashlib.file_digest(source, 'sha256').hexdigest()}"
        with suppress(OSError):  # it may be somebody else's directory
            write_atomic(beside, f"{digest}\n")
        return digest

    def _fetch(self, image: str, timeout_s: float) -> Done:
        path = self._file(image)
        with locked(path.with_name(f"{path.name}.lock")):
            if path.exists():  # another process was quicker
                return Done([], 0, b"", b"")
            for leftover in path.parent.glob(f".{path.name}.*"):  # the lock is ours: its maker is dead
                leftover.unlink()
            aside = path.with_name(f".{path.name}.{os.getpid()}")
            source = image if "://" in image else f"docker://{image}"
            done = self._run("pull", "--force", str(aside), source, timeout_s=timeout_s)
            if done.returncode == 0:
                aside.replace(path)
            return done

    def _start(self, name: str, image: str, label: str) -> Done:
        if not self._file(image).exists():
            return Done([], 1, b"", f"{self._file(image)} is not there".encode())
        folder = self._scratch(name)
        folder.mkdir(mode=0o700)
        for part in ("overlay", "work"):
            (folder / part).mkdir()
        flags = ["--containall", "--cleanenv", "--no-home", "--hostname", HOSTNAME]
        flags += ["--workdir", str(folder / "work")]
        flags += ["--fakeroot"] if os.geteuid() != 0 else []  # files of an image are root's
        if not any(word.split("=")[0] in _WRITABLE for word in self.run_args):
            flags += ["--overlay", str(folder / "overlay")]
        if self.limits.network != "host":
            flags += ["--net", "--network", self.limits.network]
        flags += self._limits() if _may_limit() else []
        words = ("instance", "start", *flags, *self.run_args, str(self._file(image)), name)
        done = self._run(*words, timeout_s=_START_TIMEOUT_S)
        if done.returncode == 0:
            self._lists[name] = self._list(name)
        return done

    def _list(self, name: str) -> list[str]:
        """Raises InfraError when processes in there are not shut off from those out here: strays are killed by `kill -1`."""
        done = self.execute(self._made(name), _PIDS + LISTING, timeout_s=_START_TIMEOUT_S)
        pids, *listed = done.stdout.decode(errors="replace").splitlines() or [""]
        if done.returncode != 0 and not pids:
            raise InfraError(f"nothing runs in {name}: {last_words(done)}")
        if pids == os.readlink("/proc/self/ns/pid"):  # noqa: PTH115 - it names no file
            raise InfraError(
                "apptainer gives no PID namespace: ask for `allow pid ns = yes` in apptainer.conf"
            )
        return listed

    def _limits(self) -> list[str]:
        limits = self.limits
        flags = ["--memory", f"{limits.memory_gb:g}G"] if limits.memory_gb is not None else []
        flags += ["--cpus", str(limits.cpus)] if limits.cpus is not None else []
        return flags + (["--pids-limit", str(limits.pids_limit)] if limits.pids_limit is not None else [])

    def _made(self, name: str) -> Container:
        return ApptainerInstance(executable=self.executable, name=name)

    def _remove(self, name: str) -> None:
        self._lists.pop(name, None)
        self._run("instance", "stop", "--force", name)
        scratch.remove(self._scratch(name))

    def _listed(self, container: Container) -> list[str]:
        return self._lists[container.name]

    def _prefix(self, label: str) -> str:
        return scratch.prefix(label)

    def _scratch(self, name: str) -> Path:
        return Path(tempfile.gettempdir()) / name

    def _file(self, image: str) -> Path:
        """Where an image is: a path of its own, or, for a name in a registry, one below the cache."""
        if image.startswith("/") or ("://" not in image and image.endswith(".sif")):
            return Path(image)
        name = image.removeprefix("docker://").replace("/", "_").replace(":", "_")
        return self.images / f"{name}.sif"


def _names(listed: Done) -> list[str]:
    """Names in what `instance list --json` printed; none where that is no list."""
    try:
        return [str(one["instance"]) for one in json.loads(listed.stdout)["instances"] or ()]
    except (ValueError, KeyError, TypeError):
        return []


def _may_limit() -> bool:
    """Whether apptainer can set limits: root can; others need cgroups v2, and systemd to ask for one."""
    asks_systemd = {"DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"} <= os.environ.keys()
    return os.geteuid() == 0 or (asks_systemd and Path("/sys/fs/cgroup/cgroup.controllers").exists())
