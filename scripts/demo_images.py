"""Build the images of a swebench task repo, for Docker or podman, without a registry and without a network.

The base image is made of this machine's own files: a shell, git, patch, and a Python with its libraries.
Each task's image is its Dockerfile plus testbed.tar, a checkout of base_commit alone, made from the bundle
`repos/<owner>__<name>.bundle` of the task repo. What exists already is not built again.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from contexttune import paths
from contexttune.repos.git import git
from contexttune.repos.workspace import Workspace

BASE = "contexttune-demo-base:1"
LABEL = "contexttune.context"
_ENGINE = ["docker"]  # the command, as the command line names it
EPOCH_S = 1_704_067_200  # 2024-01-01: the date of every file in an image
DEBIAN_PYTHON = Path("/usr/bin/python3")

TOOLS = """
bash sh env true false test [ echo printf expr seq sleep date timeout nproc uname id whoami ps kill
ls cat head tail tee wc sort uniq cut tr grep sed awk mawk find xargs diff cmp tar gzip md5sum sha256sum
cp mv rm ln mkdir rmdir touch chmod chown stat mktemp pwd dirname basename readlink realpath git patch
"""
DIRECTORIES = {
    **dict.fromkeys(("dev", "etc", "home", "proc", "root", "run", "sys", "testbed", "usr/local/bin"), 0o755),
    **dict.fromkeys(("tmp", "var/tmp"), 0o1777),
}
LINKS = {"bin": "usr/bin", "sbin": "usr/sbin", "lib": "usr/lib", "lib64": "usr/lib64"}
TEXTS = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/bash\n",
    "etc/group": "root:x:0:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "root/.gitconfig": "[user]\n\tname = root\n\temail = root@localhost\n[safe]\n\tdirectory = *\n",
}
UNUSED = {"__pycache__", "dist-packages", "ensurepip", "idlelib", "lib2to3", "site-packages", "test", "tests"}
UNUSED |= {"tkinter", "turtledemo"}


class RootFs:
    """A root file system being written into a tar archive."""

    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._names: set[str] = set()

    def entry(
        self, name: str, mode: int, kind: bytes = tarfile.REGTYPE, data: bytes = b"", link: str = ""
    ) -> None:
        """Add something that is no file of this machine."""
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.mtime, info.size, info.linkname = kind, mode, EPOCH_S, len(data), link
        self._names.add(name)
        self._tar.addfile(info, io.BytesIO(data))

    def file(self, source: Path) -> None:
        """Add a file under its own path, and, if it is a symlink, also all that it leads to."""
        real = (
            source.parent.resolve() / source.name
        )  # /bin/x and /lib/x go below /usr where they are symlinks
        name = str(real).lstrip("/")
        if name in self._names:
            return
        self._names.add(name)
        self._tar.add(real, name, recursive=False, filter=normalised)
        if real.is_symlink():
            self.file(real.parent / real.readlink())


def normalised(info: tarfile.TarInfo) -> tarfile.TarInfo:
    """Owner and date are the same on any machine."""
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    info.mtime = EPOCH_S
    return info


def write_rootfs(target: Path, site: Path | None) -> None:
    """Write the base image's file system to the tar archive `target`."""
    with tarfile.open(target, "w") as tar:
        root = RootFs(tar)
        for name, mode in DIRECTORIES.items():
            root.entry(name, mode, tarfile.DIRTYPE)
        for name, link in LINKS.items():
            root.entry(name, 0o777, tarfile.SYMTYPE, link=link)
        for name, text in TEXTS.items():
            root.entry(name, 0o644, data=text.encode())
        programs = [tool_path(tool) for tool in TOOLS.split()]
        for program in programs:
            root.file(program)
        programs += add_python(root, site)
        for library in sorted(libraries(programs)):
            root.file(library)
        for locale in sorted(Path("/usr/lib/locale/C.utf8").rglob("*")):
            root.file(locale)


def tool_path(tool: str) -> Path:
    """Where this machine has a command."""
    found = shutil.which(tool, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if found is None:
        sys.exit(
            f"demo_images: this machine has no {tool}; install coreutils, findutils, procps, git, patch, mawk"
        )
    return Path(found)


def add_python(root: RootFs, site: Path | None) -> list[Path]:
    """Add a Python with its standard library; returns its ELF files."""
    question = "import json, os, sys, sysconfig, unittest; print(json.dumps([os.path.realpath(sys.executable), sysconfig.get_path('stdlib')]))"
    interpreter = str(DEBIAN_PYTHON)
    asked = (
        subprocess.run([interpreter, "-c", question], capture_output=True, check=False)
        if DEBIAN_PYTHON.exists()
        else None
    )
    if (
        asked is None or asked.returncode != 0
    ):  # none, or one without a standard library: take the running one
        asked = subprocess.run([sys.executable, "-c", question], capture_output=True, check=True)
    executable, stdlib = map(Path, json.loads(asked.stdout))
    root.file(executable)
    for name in ("python", "python3"):
        root.entry(f"usr/local/bin/{name}", 0o777, tarfile.SYMTYPE, link=str(executable))
    modules = list(standard_library(stdlib))
    for module in modules:
        root.file(module)
    packages = (
        Path("/usr/lib/python3/dist-packages")
        if executable.parent == Path("/usr/bin")
        else stdlib / "site-packages"
    )
    for file in sorted(site.rglob("*")) if site else []:
        if file.is_file() and "__pycache__" not in file.parts:
            root.entry(
                str(packages / file.relative_to(site or file)).lstrip("/"), 0o644, data=file.read_bytes()
            )
    return [executable, *(module for module in modules if module.suffix == ".so")]


def standard_library(stdlib: Path) -> Iterator[Path]:
    """Files of the standard library that tests could need."""
    for folder, names, files in os.walk(stdlib):
        names[:] = sorted(name for name in names if name not in UNUSED and not name.startswith("config-"))
        yield from (Path(folder) / name for name in sorted(files) if not name.endswith(".a"))


def libraries(programs: Iterable[Path]) -> set[Path]:
    """Shared libraries that `programs` load, and the two that the C library loads by itself."""
    found: set[Path] = set()
    for program in programs:
        printed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        found |= {Path(path) for path in re.findall(r"(/\S+) \(0x", printed)}
    for name in ("libgcc_s.so.1", "libnss_dns.so.2"):
        found |= set(Path("/usr/lib").glob(f"*/{name}"))
    return found


def build_base(tag: str, site: Path | None) -> None:
    """Build the base image `tag`."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = Path(scratch) / "rootfs.tar"
        write_rootfs(archive, site)
        settings = ("WORKDIR /testbed", "ENV PATH=/usr/local/bin:/usr/bin:/bin", "ENV LANG=C.UTF-8")
        engine("import", *(word for setting in settings for word in ("--change", setting)), str(archive), tag)


def engine(*args: str) -> str:
    """Standard output of the engine's command; ends the script when it fails."""
    done = subprocess.run(
        [_ENGINE[0], *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "DOCKER_BUILDKIT": "0"},
    )
    if done.returncode != 0:
        sys.exit(f"demo_images: {_ENGINE[0]} {args[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def image_label(tag: str) -> str | None:
    """The digest that an existing image was built with ("" for none), or None when there is no such image."""
    form = '{{with .Config.Labels}}{{index . "' + LABEL + '"}}{{end}}'
    found = subprocess.run(
        [_ENGINE[0], "image", "inspect", "--format", form, tag], capture_output=True, text=True, check=False
    )
    return found.stdout.strip() if found.returncode == 0 else None


def write_testbed(bundle: Path, repo: str, commit: str, target: Path) -> None:
    """Write a checkout of `commit` without any other history to the tar archive `target`, always the same bytes."""
    with tempfile.TemporaryDirectory() as scratch:
        cache, checkout = Path(scratch) / "cache", Path(scratch) / "testbed"
        layout = paths.Layout(cache=cache, artifacts=cache, results=cache)
        Workspace(layout=layout, remote=str(bundle)).agent_checkout(repo, commit, checkout)
        # packs depend on the number of threads, an index on the inodes of the checkout: make both anew
        git("-c", "pack.threads=1", "repack", "-adfq", cwd=checkout)
        (checkout / ".git" / "index").unlink()
        git("read-tree", "HEAD", cwd=checkout)
        with tarfile.open(target, "w") as tar:
            for path in sorted(checkout.rglob("*")):
                tar.add(path, str(path.relative_to(checkout)), recursive=False, filter=normalised)


def build_instance(tasks: Path, task: dict[str, Any], base: str) -> bool:
    """Build the image of one task; False when it is there already."""
    with tempfile.TemporaryDirectory() as scratch:
        context = Path(scratch)
        shutil.copy(tasks / "tasks" / task["instance_id"] / "Dockerfile", context)
        bundle = tasks / "repos" / f"{paths.repo_slug(task['repo'])}.bundle"
        write_testbed(bundle, task["repo"], task["base_commit"], context / "testbed.tar")
        digest = hashlib.sha256(base.encode())
        for name in ("Dockerfile", "testbed.tar"):
            digest.update((context / name).read_bytes())
        if image_label(task["image"]) == digest.hexdigest():
            return False
        options = ("--build-arg", f"BASE={base}", "--label", f"{LABEL}={digest.hexdigest()}")
        engine("build", "--quiet", "--network", "none", *options, "--tag", task["image"], str(context))
    return True


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tasks", type=Path, default=paths.PACKAGE / "demo", help="task repo (default: the bundled one)"
    )
    parser.add_argument("--base", default=BASE, help=f"tag of the base image (default: {BASE})")
    parser.add_argument(
        "--site", type=Path, help="directory with further Python packages for a newly built base image"
    )
    parser.add_argument(
        "--engine", default=_ENGINE[0], choices=("docker", "podman"), help="whose images (default: docker's)"
    )
    parser.add_argument("--rebuild-base", action="store_true", help="build the base image even if it exists")
    args = parser.parse_args()
    _ENGINE[0] = args.engine
    if args.rebuild_base or image_label(args.base) is None:
        build_base(args.base, args.site)
        print(f"built {args.base}")
    for description in sorted(args.tasks.resolve().glob("tasks/*/task.yaml")):
        task = yaml.safe_load(description.read_text())
        built = build_instance(args.tasks.resolve(), task, args.base)
        print(f"{'built' if built else 'have'} {task['image']}")


if __name__ == "__main__":
    main()
