"""The split of instances into those that settings are developed on and those held out.

The split is by repository, because neighbouring issues of a repository touch the same files. Settings measured on held-out
instances are recorded in results/audits/held_out.jsonl, because the best of several is not an estimate for new instances.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from contexttune.config.schema import AuditConfig
from contexttune.errors import ConfigError
from contexttune.paths import Layout
from contexttune.system.files import fingerprint, locked, read_jsonl, write_jsonl
from contexttune.system.redaction import masked
from contexttune.tasks.audit.conditions import Arm
from contexttune.types import GoldInstance


def select(instances: Sequence[GoldInstance], config: AuditConfig) -> list[GoldInstance]:
    """The instances of `audit.split`, in order. Raises ConfigError when there are none."""
    if config.split == "all":
        return list(instances)
    is_held_out = config.split == "held_out"
    chosen = [one for one in instances if (one.repo not in config.development_repos) == is_held_out]
    if not chosen:
        raise ConfigError(
            f"audit.split={config.split} contains none of the slice's {len(instances)} instances: "
            f"check audit.development_repos={config.development_repos}"
        )
    return chosen


def refuse_search(config: AuditConfig) -> None:
    """Raise ConfigError when a sweep would compare settings on held-out instances."""
    if config.split == "held_out":
        raise ConfigError(
            "audit.split=held_out in a sweep would choose settings by held-out instances: sweep with audit.split=development, "
            "then measure the chosen setting alone"
        )


@dataclass(frozen=True, kw_only=True)
class HeldOutUse:
    """Use of held-out instances so far.

    Attributes:
        settings: condition -> number of its settings that have been measured on any of them.
    """

    n_instances: int
    repos: Sequence[str]
    settings: Mapping[str, int]


def record_use(layout: Layout, config: AuditConfig, arms: Sequence[Arm]) -> HeldOutUse | None:
    """Record that `arms` were measured on held-out instances; None when none of the instances is held out."""
    held = [one for one in arms[0].cell.instances if one.repo not in config.development_repos]
    if not held:
        return None
    ids = sorted(one.instance_id for one in held)
    current = {arm.condition: _setting(arm) for arm in arms}
    path = layout.held_out_looks
    with locked(path.with_suffix(".lock")):
        known = read_jsonl(path)
        rows = [{"condition": name, "setting": key, "ids": ids} for name, key in current.items()]
        write_jsonl(path, known + [row for row in rows if row not in known])
    found = {name: {key} for name, key in current.items()}
    for row in known:
        if row["condition"] in found and not set(ids).isdisjoint(row["ids"]):
            found[row["condition"]].add(row["setting"])
    counts = {name: len(keys) for name, keys in found.items()}
    return HeldOutUse(n_instances=len(ids), repos=sorted({one.repo for one in held}), settings=counts)


def _setting(arm: Arm) -> str:
    """Digest of a condition's settings without its budget."""
    node = {
        key: value for key, value in arm.cell.container["condition"].items() if key not in arm.budget_keys
    }
    return fingerprint(masked(node))
