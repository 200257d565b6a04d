"""Takes the diff of a checkout that a hostile agent has left, with a git of its own in a sandbox of its own."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from contexttune.errors import ArtifactError, InfraError
from contexttune.repos.commit_index import DIFF
from contexttune.repos.git import Tree
from contexttune.sandbox.local_sandbox import LocalSandbox
from contexttune.sandbox.pid_namespace import end_left_over
from contexttune.system.remove_tree import open_up

PATCH_FILE = "patch.txt"  # that mini-swe-agent's prompts tell the agent to write its patch to
_TIMEOUT_S = 300.0
_PATCH_BYTES = 200_000_000
_FILE_KB = 200_000  # of one file in a patch
_SCRIPT_FILE = "collect.sh"
_NOT_STARTED, _NO_PATCH = 3, 4  # exit statuses of the script; others are those of the sandbox
_NO_ERRORS = ("warning: ", "hint: ")
_ERRORS_KEPT = 20
_FULL_DISK = "No space left on device"
# The checkout's own .git is not read, and nested ones make no submodules: their settings name programs. What git cannot
# add (a pipe, a file in another encoding than an attribute says) must not cost the other files.
_SCRIPT = r"""
commit=$1 skipped=$2 max_kb=$3
git init --quiet --bare --template= && git read-tree "$commit" || exit 3
export GIT_WORK_TREE=.
find . -type d ! -perm -700 -exec chmod u+rwx {} \;
find . -name .git -prune -exec rm -rf {} +
if [ -n "$(find . -name .git -print -quit)" ]; then echo "a .git cannot be removed" >&2; exit 4; fi
{
    printf '.\0:(exclude,glob)**/__pycache__/**\0'
    if [ -n "$skipped" ]; then printf ':(exclude)%s\0' "$skipped"; fi
    find . -type f -size "+${max_kb}k" -printf ':(exclude,literal)%P\0'
} >"$GIT_DIR/paths"
find . -type f -size "+${max_kb}k" -printf 'too large for a patch: %P\n' >&2
git add --all --ignore-errors --pathspec-from-file="$GIT_DIR/paths" --pathspec-file-nul
status=$?
if [ $status -gt 1 ]; then
    git ls-files -z --modified --deleted --others | xargs -0 -r -n 1 sh -c '
        case $2 in __pycache__/*|*/__pycache__/*|"$0") exit 0;; esac
        [ -z "$(find "./$2" -maxdepth 0 -type f -size "+$1k")" ] || exit 0
        git --literal-pathspecs add --ignore-errors -- "$2"' "${skipped:-.git}" "$max_kb"
fi
git {diff} "$commit"
status=$?
[ $status -ne 137 ] || exit 137
[ $status -eq 0 ] || exit 4
""".replace("{diff}", " ".join(DIFF))


@dataclass(frozen=True)
class Patch:
    """A diff, and what is wrong with it."""

    text: str  # bytes that are not UTF-8 are surrogate-escaped
    problem: str | None = None  # the reason why something of the agent's changes is missing


def collect(sandbox: LocalSandbox, tree: Tree, stop: threading.Event | None = None) -> Patch:
    """The difference between the checkout and its commit, new files included.

    Whatever an agent leaves is a measurement: where no diff can be taken within bounds, the patch is empty and has a
    problem. Raises InfraError when the machine is at fault or `stop` is set, ArtifactError when the commit cannot be read.
    """
    skipped = "" if PATCH_FILE in tree.by_path else PATCH_FILE
    end_left_over(sandbox.folder)
    open_up(sandbox.testbed)
    with sandbox.beside("collector", read_only=_read_only(tree)) as collector:
        collector.write(_SCRIPT_FILE, _SCRIPT.encode())
        script = ("sh", collector.path(_SCRIPT_FILE), tree.commit, skipped, str(_FILE_KB))
        variables = _variables(tree, f"{collector.tmp_path}/repository")
        done = collector.run(
            *("env", *variables, *script),
            timeout_s=_TIMEOUT_S,
            limit_bytes=_PATCH_BYTES,
            stop_event=stop,
            stderr=PIPE,
        )
        # names of files are among git's words, so that those alone do not tell
        is_full = shutil.disk_usage(collector.folder).free < 2_000 * _FILE_KB and _FULL_DISK in str(
            done.stderr
        )
    lines = done.stderr.decode(errors="replace").splitlines()
    errors = [line for line in lines if line.strip() and not line.startswith(_NO_ERRORS)]
    reason = errors[-1] if errors else f"exit status {done.returncode}"
    if is_full:
        raise InfraError("the disk is full")
    if done.returncode == _NOT_STARTED:
        raise ArtifactError(f"{tree.repo}: {tree.commit} cannot be read: {reason}")
    if done.limit or done.returncode == _NO_PATCH:
        return Patch("", f"no patch was collected: {done.limit or reason}")
    if done.returncode != 0:
        raise InfraError(f"the patch was not collected: {reason}")
    return Patch(done.output.decode("utf-8", "surrogateescape"), "; ".join(errors[:_ERRORS_KEPT]) or None)


def _variables(tree: Tree, git_dir: str) -> Iterator[str]:
    """NAME=VALUE for a git that reads the tree's objects, and the settings of nobody."""
    yield f"GIT_DIR={git_dir}"
    yield "GIT_CONFIG_GLOBAL=/dev/null"
    yield "GIT_CONFIG_NOSYSTEM=1"
    stores = [
        json.dumps(str(path), ensure_ascii=False) for path in _object_stores(tree)
    ]  # quoted as git reads it
    yield f"GIT_ALTERNATE_OBJECT_DIRECTORIES={':'.join(stores)}"


def _read_only(tree: Tree) -> dict[str, Path]:
    """Directories that git reads, besides /usr: the objects of the commit, and git itself if it is elsewhere."""
    program = shutil.which("git")
    homes = [Path(program).resolve().parent.parent] if program else []
    return {str(path): path for path in (*_object_stores(tree), *homes) if not path.is_relative_to("/usr")}


def _object_stores(tree: Tree) -> list[Path]:
    """The object directory of the tree's repository, and those that it borrows from."""
    stores = [tree.git_dir.resolve() / "objects"]
    for store in stores:  # it grows meanwhile
        with suppress(OSError):
            lines = (store / "info" / "alternates").read_text().splitlines()
            found = [(store / line).resolve() for line in lines if line and not line.startswith("#")]
            stores += [path for path in found if path.is_dir() and path not in stores]
    return stores
