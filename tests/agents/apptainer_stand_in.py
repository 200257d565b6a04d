"""Stands in for apptainer, which no registry of this machine has: HOME is where it keeps what it knows.

It takes the words that apptainer's manual has for them, refuses those that it does not know, notes every call, and
does what they say by bubblewrap and nsenter (root only). An image is a list of tar archives.

    python apptainer_stand_in.py HOME version | pull | instance start | instance list | instance stop | exec
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

HOME = Path(sys.argv[1])
SWITCHES = {"--containall", "--cleanenv", "--no-home", "--fakeroot", "--net", "--force", "--json"}
VALUED = {"--hostname", "--workdir", "--overlay", "--network", "--memory", "--cpus", "--pids-limit", "--pwd"}
ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/root"}


def fatal(words: str) -> NoReturn:
    sys.stderr.write(f"FATAL:   {words}\n")
    sys.exit(255)


def parted(words: list[str]) -> tuple[dict[str, str], list[str]]:
    """Flags and the rest, which begins at the first word that is none."""
    flags: dict[str, str] = {}
    rest = list(words)
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag not in SWITCHES | VALUED:
            fatal(f"unknown flag: {flag}")
        flags[flag] = rest.pop(0) if flag in VALUED else ""
    return flags, rest


def record(name: str) -> Path:
    return HOME / "instances" / f"{name}.json"


def is_alive(path: Path) -> bool:
    return Path(f"/proc/{json.loads(path.read_text())['pid']}/root/testbed").exists()


def pull(words: list[str]) -> None:
    _, (target, source) = parted(words)
    image = HOME / "registry" / source.removeprefix("docker://").replace("/", "_")
    if not source.startswith("docker://") or not image.exists():
        fatal(f"while making image from oci registry: {source}: manifest unknown")
    Path(target).write_text(image.read_text())


def start(words: list[str]) -> None:
    flags, (image, name) = parted(words)
    root = Path(flags["--overlay"]) / "upper"
    root.mkdir()
    for layer in json.loads(Path(image).read_text()):
        subprocess.run(["tar", "--extract", "--directory", root, "--file", layer], check=True)
    (Path(flags["--workdir"]) / "tmp").mkdir()
    shut_off = [
        "--unshare-uts",
        "--hostname",
        flags["--hostname"],
        "--unshare-ipc",
        *(["--unshare-net"] if flags.get("--network") == "none" else []),
    ]
    shut_off += [] if (HOME / "no-pid-namespace").exists() else ["--unshare-pid", "--as-pid-1"]
    seen, told = os.pipe()
    places = ["--bind", str(root), "/", "--proc", "/proc", "--dev", "/dev"]
    places += ["--bind", f"{flags['--workdir']}/tmp", "/tmp"]
    subprocess.Popen(
        ["bwrap", *shut_off, *places, "--clearenv", "--info-fd", str(told), "/usr/bin/sleep", "infinity"],
        env={"PATH": os.environ["PATH"]},  # the daemon is nobody's child: tests find those by a variable
        pass_fds=[told],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(told)
    with os.fdopen(seen) as info:
        pid = json.load(info)["child-pid"]
    record(name).write_text(json.dumps({"instance": name, "pid": pid, "img": image}))
    while not is_alive(record(name)):
        time.sleep(0.01)
    sys.stderr.write("INFO:    instance started successfully\n")


def listed(words: list[str]) -> None:
    _, names = parted(words)
    known: list[Any] = [
        json.loads(path.read_text()) for path in record("x").parent.glob("*.json") if is_alive(path)
    ]
    asked = [one for one in known if not names or one["instance"] in names]
    sys.stdout.write(json.dumps({"instances": asked}) + "\n")


def stop(words: list[str]) -> None:
    _, (name,) = parted(words)
    if not record(name).exists():
        fatal(f"no instance found with name {name}")
    pid = json.loads(record(name).read_text())["pid"]
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}/root/testbed").exists():
        time.sleep(0.01)
    record(name).unlink()


def execute(words: list[str]) -> NoReturn:
    flags, (image, *command) = parted(words)
    name = image.removeprefix("instance://")
    if not record(name).exists() or not is_alive(record(name)):
        fatal(f"no instance found with name {name}")
    pid = json.loads(record(name).read_text())["pid"]
    enter = ["nsenter", "--target", str(pid), "--mount", "--ipc", "--uts", "--net", "--root"]
    enter += [] if (HOME / "no-pid-namespace").exists() else ["--pid"]
    there = ["sh", "-c", 'cd "$0" && exec "$@"', flags["--pwd"], *command]
    os.execvpe("nsenter", [*enter, *there], ENVIRONMENT | {"PATH": f"{ENVIRONMENT['PATH']}:/usr/sbin"})


def main() -> None:
    words = sys.argv[2:]
    with (HOME / "calls.jsonl").open("a") as sink:
        sink.write(json.dumps(words) + "\n")
    if words[0] == "--silent":
        words.pop(0)
    if words[0] == "instance":
        {"start": start, "list": listed, "stop": stop}[words[1]](words[2:])
    elif words[0] == "version":
        sys.stdout.write("1.3.0\n")
    else:
        {"pull": pull, "exec": execute}[words[0]](words[1:])


if __name__ == "__main__":
    main()
