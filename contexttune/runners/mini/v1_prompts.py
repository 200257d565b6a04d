"""The prompts of mini-swe-agent 1.17.5, read from its wheel and not copied into this repository."""

from __future__ import annotations

import ast
import hashlib
import logging
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contexttune.errors import PreflightError
from contexttune.system import subprocesses
from contexttune.system.files import locked, write_atomic

log = logging.getLogger(__name__)

RELEASE = "mini-swe-agent==1.17.5"
_YAML, _LOOP = "config/extra/swebench.yaml", "agents/default.py"
_SHA256 = {
    _YAML: "a29173c493de31863aa08a41ea851589789ac777a2ed44ce94fd0bcf52db16cb",
    _LOOP: "368d869ac814b96ceac54b3014a20224d562543c771928de70080ae8d3f44eee",
}
_NEEDED = (
    *("system_template", "instance_template", "action_regex", "action_observation_template"),
    *("format_error_template", "timeout_template"),
)
_FETCH_TIMEOUT_S = 300.0
_OUTPUT_BYTES = 1_000_000
_REMEDY = f"set runner.v1_prompts to the wheel of {RELEASE}, or to {_YAML} in an unpacked one"


@dataclass(frozen=True, kw_only=True)
class V1Prompts:
    """The configuration of 1.17.5: its YAML over the defaults of its agent."""

    agent: Mapping[str, Any]
    variables: Mapping[str, Any]  # environment variables of commands
    sha256: str  # digest of the YAML


@cache
def v1_prompts(kept: Path, given: str | None) -> V1Prompts:
    """The prompts of `given`, or else of the release, downloaded once.

    Args:
        kept: directory for the files of the release.
        given: `runner.v1_prompts`.

    Raises:
        PreflightError: the prompts are not available or incomplete.
    """
    if given is not None:
        return _read(_given(Path(given).expanduser()))
    with locked(kept.with_name(f"{kept.name}.lock")):
        if not all(_is_genuine(name, _bytes(kept / name)) for name in _SHA256):
            for name, data in _download().items():
                write_atomic(kept / name, data)
    return _read({name: (kept / name).read_bytes() for name in _SHA256})


def _read(files: Mapping[str, bytes]) -> V1Prompts:
    """Parse the YAML, and the agent's source for what the YAML leaves out: the timeout template."""
    import yaml

    try:
        configured = yaml.safe_load(files[_YAML])
        agent = _defaults(files[_LOOP].decode()) | configured["agent"]
        variables = configured["environment"]["env"]
        _ = [agent[key] for key in _NEEDED]
    except (yaml.YAMLError, KeyError, TypeError, ValueError, SyntaxError) as error:
        reason = " ".join(str(error).split())
        raise PreflightError(f"prompts of {RELEASE} are missing ({reason}): {_REMEDY}") from None
    return V1Prompts(agent=agent, variables=variables, sha256=hashlib.sha256(files[_YAML]).hexdigest())


def _defaults(source: str) -> dict[str, Any]:
    """Defaults of the dataclass AgentConfig, without running the source."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    fields = [field for node in classes if node.name == "AgentConfig" for field in node.body]
    return {
        ast.unparse(field.target): ast.literal_eval(field.value)
        for field in fields
        if isinstance(field, ast.AnnAssign) and field.value is not None
    }


def _given(path: Path) -> dict[str, bytes]:
    """The files of a wheel, or a YAML that is complete or in an unpacked wheel."""
    if zipfile.is_zipfile(path):
        files = _unzipped(path)
    else:
        files = {_YAML: _bytes(path), _LOOP: _bytes(path.absolute().parent / "../.." / _LOOP)}
    if not files[_YAML]:
        raise PreflightError(f"runner.v1_prompts={path} cannot be read: {_REMEDY}")
    for name, data in files.items():
        if data and not _is_genuine(name, data):
            log.warning(
                "runner.v1_prompts=%s: %s differs from that of %s and is used as it is", path, name, RELEASE
            )
    return files


def _download() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="contexttune-v1-") as folder:
        log.info("downloading %s for its prompts", RELEASE)
        why = _run_pip(Path(folder))
        for wheel in Path(folder).glob("*.whl"):
            files = _unzipped(wheel)
            if all(_is_genuine(name, data) for name, data in files.items()):
                return files
            why = "its files differ from those of the release"
    raise PreflightError(f"runner.protocol=v1 needs the prompts of {RELEASE} ({why}): {_REMEDY}")


def _run_pip(folder: Path) -> str:
    """Download the wheel into `folder`, and return pip's last line, for an error message."""
    pip = _pip()
    if pip is None:
        return "neither pip nor uv was found to download it"
    what = ("download", "--no-deps", "--only-binary=:all:", "--dest", str(folder), RELEASE)
    done = subprocesses.run([*pip, *what], timeout_s=_FETCH_TIMEOUT_S, limit_bytes=_OUTPUT_BYTES)
    lines = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing was downloaded"]
    return "the download took too long" if done.timed_out else lines[-1]


def _pip() -> Sequence[str] | None:
    """pip, or uv in an environment made by uv, which has no pip."""
    if find_spec("pip") is not None:
        return (sys.executable, "-m", "pip")
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    return None if uv is None else (uv, "tool", "run", "--python", sys.executable, "pip")


def _unzipped(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        return {
            name: archive.read(f"minisweagent/{name}") if f"minisweagent/{name}" in names else b""
            for name in _SHA256
        }


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _is_genuine(name: str, data: bytes) -> bool:
    return hashlib.sha256(data).hexdigest() == _SHA256[name]
