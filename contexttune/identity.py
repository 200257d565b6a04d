"""What a run and a group are called: names that change when, and only when, a result could."""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig, OmegaConf

from contexttune.config import Config, slug
from contexttune.parts import result_settings, wants
from contexttune.store import fingerprint

_PARTS = ("runner", "model", "harness")


def group_settings(container: dict[str, Any]) -> dict[str, Any]:
    """All that can change a result but condition and seed: what the runs of a group have in common."""
    chosen = {key: value for key, value in container["slice"].items() if not key.startswith("shard_")}
    return {key: result_settings(container[key], key) for key in _PARTS} | {"slice": chosen}


def run_settings(container: dict[str, Any]) -> dict[str, Any]:
    """All that can change a result."""
    own = {
        "condition": result_settings(container["condition"], "condition"),
        "signal": {
            name: result_settings(node, f"signal.{name}") for name, node in container["signal"].items()
        },
        "seed": container["seed"],
    }
    return group_settings(container) | own


def run_id(config: Config, container: dict[str, Any]) -> str:
    """Condition, seed, a hash of the settings, and the shard when there are several."""
    shard = config.slice
    suffix = f"-shard{shard.shard_index}of{shard.shard_count}" if shard.shard_count > 1 else ""
    name = f"{slug(container['condition']['name'])}-s{config.seed}-{fingerprint(run_settings(container))}"
    return name + suffix


def default_group_id(*, _root_: DictConfig) -> str:
    """Slice, runner, model, and a hash that tells groups apart which differ in more than condition and seed.

    An OmegaConf resolver (`${default_group_id:}`), because Hydra's own directories carry the group's name.
    """
    keys = (*_PARTS, "slice")
    container: dict[str, Any] = {key: OmegaConf.to_container(_root_[key], resolve=True) for key in keys}
    names = [slug(container[key].get("name")) for key in ("slice", "runner")]
    if wants(container["runner"], "model", "runner"):
        names.append(slug(container["model"].get("name")))
    return "-".join([*(name[:40] for name in names), fingerprint(group_settings(container), 6)])


def model_name_or_path(container: dict[str, Any], uses_model: bool) -> str:
    """The field of that name in a prediction: model (if any), runner and condition."""
    names = [container["model"]["name"]] if uses_model else []
    return "__".join(
        slug(name) for name in [*names, container["runner"]["name"], container["condition"]["name"]]
    )
