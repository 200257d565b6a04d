"""Read the record of an earlier run from its directory."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from contexttune.errors import ConfigError, DamagedFile
from contexttune.paths import results_of_predictions
from contexttune.system.files import read_json
from contexttune.types import STAGES

_OWN_SOURCES = ("hydra", "main", "schema")  # config sources that are not the user's


@dataclass(frozen=True, kw_only=True)
class PastRun:
    """All that is needed to compose the configuration of a run again and to find what has changed since."""

    directory: Path
    group_id: str
    overrides: list[str]  # as typed, without Hydra's own keys
    config: dict[str, Any]  # resolved
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


def _of_job(directory: Path) -> PastRun | None:
    """A job's run, from the files that Hydra saved, and the job's copy of run.json if there is one."""
    import yaml

    saved = directory / ".hydra"
    if not (saved / "overrides.yaml").is_file():
        return None
    hydra = yaml.safe_load((saved / "hydra.yaml").read_text(encoding="utf-8"))["hydra"]
    record = read_json(directory / "run.json") or {}
    config = record.get("manifest", {}).get("config") or _resolved(saved / "config.yaml")
    return PastRun(
        directory=directory,
        group_id=str(record.get("group_id") or config["group_id"]),
        overrides=list(yaml.safe_load((saved / "overrides.yaml").read_text(encoding="utf-8"))),
        config=config,
        config_name=hydra["job"]["config_name"],
        config_sources=sources(hydra["runtime"]["config_sources"]),
        manifest=record.get("manifest", {}),
        images=record.get("images", {}),
    )


def _of_record(directory: Path, record: dict[str, Any]) -> PastRun | None:
    manifest = record.get("manifest", {})
    if manifest.get("overrides") is None:
        return None
    stages = _stages(record)
    overrides = [text for text in manifest["overrides"] if not re.match(r"\+*stages=", text)]
    return PastRun(
        directory=directory,
        group_id=record["group_id"],
        overrides=[*overrides, f"stages=[{','.join(stages)}]"],
        config={**manifest["config"], "stages": stages},
        config_name=manifest["config_name"],
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
    """A saved configuration, with interpolations resolved if the environment allows it."""
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    loaded = OmegaConf.load(path)
    try:
        container: Any = OmegaConf.to_container(loaded, resolve=True)
    except OmegaConfBaseException:
        container = OmegaConf.to_container(loaded, resolve=False)
    return dict(container)
