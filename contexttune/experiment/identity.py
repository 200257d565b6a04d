"""Names of runs and groups, which change if and only if a result could change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from contexttune.config.build import name_of, result_settings, wants
from contexttune.config.schema import Config
from contexttune.experiment.past_run import PastRun, past_run
from contexttune.paths import slug
from contexttune.system.files import fingerprint
from contexttune.system.redaction import without_passwords

_PARTS = ("runner", "model", "harness")
_GROUP_ID_CHARS = 100  # the longest that config/schema.py accepts


def group_settings(container: dict[str, Any]) -> dict[str, Any]:
    """Every setting that can change a result, except condition and seed: the same for all runs of a group."""
    settings = {key: result_settings(container[key], key) for key in (*_PARTS, "slice")}
    for key in ("shard_index", "shard_count"):
        settings["slice"].pop(key, None)
    return dict(without_passwords(settings))


def run_settings(container: dict[str, Any]) -> dict[str, Any]:
    """Every setting that can change a result."""
    own = {
        "condition": result_settings(container["condition"], "condition"),
        "signal": result_settings(container["signal"], "signal"),
        "seed": container["seed"],
    }
    return group_settings(container) | dict(without_passwords(own))


def run_id(config: Config, container: dict[str, Any]) -> str:
    """Condition, seed, a hash of the settings, and the shard if there are several."""
    shard = config.slice
    suffix = f"-shard{shard.shard_index}of{shard.shard_count}" if shard.shard_count > 1 else ""
    name = f"{slug(name_of(container['condition'], 'condition'))}-s{config.seed}-{fingerprint(run_settings(container))}"
    return name + suffix


def default_group_id(*, _root_: DictConfig) -> str:
    """Slice, runner, model, and a hash of every setting that can change a result, except condition and seed.

    An OmegaConf resolver (`${default_group_id:}`), because the name is part of Hydra's own directories.
    """
    container = _chosen_parts(_root_)
    names = [slug(name_of(container[key], key)) for key in ("slice", "runner")]
    if wants(container["runner"], "model", "runner"):
        names.append(slug(container["model"].get("name")))
    return "-".join([*(name[:40] for name in names), fingerprint(group_settings(container), 6)])


def reproduced_group_id(*, _root_: DictConfig) -> str:
    """The group of a reproduced run: `<original group>-reproduced`, plus a hash when settings have changed.

    The hash is needed because a group refuses runs that differ. An OmegaConf resolver, because the settings are known
    only when a job is composed.
    """
    past = past_run(Path(_root_.reproduced_from))
    now = fingerprint(group_settings(_chosen_parts(_root_)), 6)
    suffix = "-reproduced" if now == _digest(past) else f"-reproduced-{now}"
    room = _GROUP_ID_CHARS - len(suffix)
    shortened = f"{past.group_id[: room - 7]}-{fingerprint(past.group_id, 6)}"
    return (past.group_id if len(past.group_id) <= room else shortened) + suffix


def _digest(past: PastRun) -> str | None:
    settings = past.manifest.get("settings")
    return fingerprint({key: settings[key] for key in (*_PARTS, "slice")}, 6) if settings else None


def _chosen_parts(root: DictConfig) -> dict[str, Any]:
    return {key: OmegaConf.to_container(root[key], resolve=True) for key in (*_PARTS, "slice")}


def model_name_or_path(container: dict[str, Any], uses_model: bool) -> str:
    """The field `model_name_or_path` of predictions: model (if any), runner and condition."""
    names = [container["model"]["name"]] if uses_model else []
    return "__".join(
        slug(name) for name in [*names, *(name_of(container[key], key) for key in ("runner", "condition"))]
    )
