"""Read the record of an earlier run from its directory."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from contexttune.errors import ConfigError, DamagedFile
from contexttune.paths import results_of_predictions, slug
from contexttune.system.files import read_json
from contexttune.types import STAGES

# what an interpolation may be that reads nothing but the configuration itself
_REFERENCE = re.compile(r"\$\{(oc\.select:)?\.*[\w.@-]+(,\w*)?\}")
NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")  # of a configuration or option; no path out of its directory
_HELD = "\0{"  # stands for ${ while references are resolved
_OWN_SOURCES = ("hydra", "main", "schema")  # config sources that are not the user's


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """All that is needed to compose the configuration of a run again and to find what has changed since."""

    directory: Path
    group_id: str
    overrides: list[str]  # as typed, without Hydra's own keys
    config: dict[str, Any]  # resolved, as far as it refers to itself
    config_name: str = "config"
    config_sources: list[dict[str, str]] = field(default_factory=list)  # only those that the user added
    manifest: dict[str, Any] = field(default_factory=dict)  # empty if the job ended before its run began
    images: dict[str, dict[str, str]] = field(default_factory=dict)


@cache
def past_run(directory: Path) -> PastRun:
    """The run of a directory: a job's, a run's under `results`, or that of its predictions.

    Raises ConfigError when there is no record of a run in it.
    """
    where = f"reproduce={directory}"
    if not directory.is_dir():
        raise ConfigError(
            f"{where} is not a directory: give that of a job under multirun/, or of a run under results/<group_id>/runs/"
        )
    home = results_of_predictions(directory) if (directory / "preds.jsonl").is_file() else directory
    try:
        record = read_json(home / "run.json") or {}
        found = _of_job(directory) if (directory / ".hydra").is_dir() else _of_record(directory, record)
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = error if isinstance(error, DamagedFile) else f"{error!r}"
        raise ConfigError(f"{where} has records that cannot be read: {why}") from None
    if found is None and (directory / "multirun.yaml").is_file():
        raise ConfigError(f"{where} is a sweep: give one of its jobs, such as {directory / '0'}")
    if found is None:
        raise ConfigError(
            f"{where} has no record of a run (neither .hydra/overrides.yaml nor a run.json with overrides)"
        )
    task = found.config["task"]["name"]
    if task != "run":
        raise ConfigError(f"{where} is of task={task}, which cannot be reproduced: give that of a run")
    return found


def sources(composed: list[dict[str, str]]) -> list[dict[str, str]]:
    """Hydra's config sources that are the user's own."""
    return [dict(source) for source in composed if source["provider"] not in _OWN_SOURCES]


def is_reference(text: str) -> bool:
    """Whether all interpolations of a value refer to other keys of the configuration: none calls a resolver."""
    return "${" not in _REFERENCE.sub("", text)


def _of_job(directory: Path) -> PastRun | None:
    """A job's run, from the files that Hydra saved, and the job's copy of run.json if there is one."""
    import yaml

    saved = directory / ".hydra"
    if not (saved / "overrides.yaml").is_file():
        return None
    hydra = yaml.safe_load((saved / "hydra.yaml").read_text(encoding="utf-8"))["hydra"]
    record = read_json(directory / "run.json") or {}
    config = record.get("manifest", {}).get("config") or _resolved(saved / "config.yaml")
    group_id = str(record.get("group_id") or config["group_id"])
    if "${" in group_id:  # the default, which is also a directory of the job's
        group_id = slug(Path(hydra["runtime"]["output_dir"]).parent.parent.name)
    return PastRun(
        directory=directory,
        group_id=group_id,
        overrides=_overrides(yaml.safe_load((saved / "overrides.yaml").read_text(encoding="utf-8"))),
        config=config,
        config_name=_name(hydra["job"]["config_name"]),
        config_sources=sources(hydra["runtime"]["config_sources"]),
        manifest=record.get("manifest", {}),
        images=record.get("images", {}),
    )


def _overrides(recorded: list[Any]) -> list[str]:
    """The recorded overrides. Raises ValueError for anything else, such as a flag of the command line."""
    for text in recorded:
        if not isinstance(text, str) or text.startswith("-"):
            raise ValueError(f"{text!r} is not an override")
    return list(recorded)


def _name(recorded: Any) -> str:
    if not NAME.fullmatch(str(recorded)):
        raise ValueError(f"{recorded!r} is not the name of a configuration")
    return str(recorded)


def _of_record(directory: Path, record: dict[str, Any]) -> PastRun | None:
    manifest = record.get("manifest", {})
    if manifest.get("overrides") is None:
        return None
    stages = _stages(record)
    overrides = [text for text in _overrides(manifest["overrides"]) if not re.match(r"\+*stages=", text)]
    return PastRun(
        directory=directory,
        group_id=record["group_id"],
        overrides=[*overrides, f"stages=[{','.join(stages)}]"],
        config={**manifest["config"], "stages": stages},
        config_name=_name(manifest["config_name"]),
        config_sources=manifest["config_sources"],
        manifest=manifest,
        images=record.get("images", {}),
    )


def _stages(record: dict[str, Any]) -> list[str]:
    """The stages of all sessions: the last command may only have graded what an earlier one inferred."""
    done = {stage for session in record["sessions"] for stage in session["stages"]}
    needed = {"signals", "context"} if "inference" in done else set()  # stages that leave no session
    return [stage for stage in STAGES if stage in done | needed]


def _resolved(path: Path) -> dict[str, Any]:
    """A saved configuration with its references resolved. It may be a stranger's, so that no resolver is called."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    raw = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    inert: Any = _replaced(raw, lambda text: text if is_reference(text) else text.replace("${", _HELD))
    try:
        inert = OmegaConf.to_container(OmegaConf.create(inert), resolve=True)
    except OmegaConfBaseException:
        return dict(_replaced(raw, str))
    return dict(_replaced(inert, lambda text: text.replace(_HELD, "${")))


def _replaced(value: Any, change: Callable[[str], str]) -> Any:
    """`value` with all of its texts changed."""
    if isinstance(value, dict):
        return {key: _replaced(inner, change) for key, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value
