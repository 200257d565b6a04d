"""Where the local harness runs a script: in bubblewrap, or, for the package's own tasks, without."""

from __future__ import annotations

import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from contexttune.sandbox.bubblewrap import system_flags, write_interpreter
from contexttune.system import subprocesses

TESTBED = "/testbed"
SCRATCH = "/harness"  # inside the sandbox: the scripts and the patch, read-only


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A checkout and the files needed to test it. `scratch` holds them; one instance has one sandbox."""

    scratch: Path
    bwrap: str | None  # path of bubblewrap; None: run on the bare machine

    @property
    def checkout(self) -> Path:
        return self.scratch / "testbed"

    def prepare(self) -> None:
        """Make the directories, and commands `python` and `python3` that start this very interpreter."""
        for name in ("files/bin", "home"):
            (self.scratch / name).mkdir(parents=True)
        write_interpreter(self.scratch / "files" / "bin")
        user = f"tester:x:{os.getuid()}:{os.getgid()}::/tmp:/bin/bash\n"
        (self.scratch / "files" / "passwd").write_text(user)

    def write(self, name: str, text: str) -> None:
        """Put a file where scripts see it as `SCRATCH/name`."""
        data = self._placed(text) if name.endswith(".sh") else text
        (self.scratch / "files" / name).write_bytes(data.encode("utf-8", "surrogateescape"))

    def run(self, name: str, timeout_s: float, limit_bytes: int, stop: threading.Event) -> subprocesses.Ended:
        """Run the bash script `name` to its end, its time limit, its output limit, or until `stop` is set.

        Raises InfraError when it was stopped, or when bubblewrap itself failed.
        """
        argv = (
            self._bare(name) if self.bwrap is None else [self.bwrap, *self._flags(), *_script(SCRATCH, name)]
        )
        return subprocesses.run(
            argv,
            cwd=self.checkout,
            env=self._environment() if self.bwrap is None else {},
            timeout_s=timeout_s,
            limit_bytes=limit_bytes,
            stop_now=stop,
        )

    def _bare(self, name: str) -> list[str]:
        return _script(str(self.scratch / "files"), name)

    def _placed(self, script: str) -> str:
        """The script with the sandbox's paths turned into those of the bare machine, where it runs there."""
        if self.bwrap is not None:
            return script
        return script.replace(TESTBED, str(self.checkout)).replace(SCRATCH, str(self.scratch / "files"))

    def _environment(self) -> dict[str, str]:
        files = str(self.scratch / "files") if self.bwrap is None else SCRATCH
        places = (f"{files}/bin", f"{sys.prefix}/bin", "/usr/local/bin", "/usr/bin", "/bin")
        return {
            "PATH": ":".join(places),
            "HOME": str(self.scratch / "home") if self.bwrap is None else "/tmp",  # noqa: S108 - a private tmpfs
            "LANG": "C.UTF-8",
            "USER": "tester",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _flags(self) -> list[str]:
        flags = ["--unshare-all", "--die-with-parent", "--new-session", "--clearenv"]
        for name, value in self._environment().items():
            flags += ["--setenv", name, value]
        flags += system_flags()
        flags += ["--ro-bind", str(self.scratch / "files"), SCRATCH]
        flags += ["--ro-bind", str(self.scratch / "files" / "passwd"), "/etc/passwd"]
        return [*flags, "--bind", str(self.checkout), TESTBED, "--chdir", TESTBED]


def _script(directory: str, name: str) -> list[str]:
    return ["/bin/bash", f"{directory}/{name}"]
