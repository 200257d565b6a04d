"""Instances that settings may be chosen by, and those that are kept for a number that was not chosen.

The split is by repository: neighbouring issues of one repository touch the same files. What has been measured on held-out
instances is noted in results/audits/held_out.jsonl, a line a setting, because the best of several is not what new ones would show.
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
    """Those of `audit.split`, in their order. Raises ConfigError when there is none."""
    if config.split == "all":
        return list(instances)
    is_held_out = config.split == "held_out"
    chosen = [one for one in instances if (one.repo not in config.development_repos) == is_held_out]
    if not chosen:
        raise ConfigError(
            f"audit.split={config.split}: none of the slice's {len(instances)} instances is in it: "
            f"audit.development_repos={config.development_repos} decides"
        )
    return chosen


def refuse_search(config: AuditConfig) -> None:
    """Raises ConfigError where jobs of a sweep would be compared on what is held out."""
    if config.split == "held_out":
        raise ConfigError(
            "audit.split=held_out in a sweep would choose settings by what is held out: sweep over audit.split=development, "
            "then measure the chosen setting alone"
        )


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What held-out instances have been used for.

    Attributes:
        settings: condition -> how many of its settings have been measured on any of them, here, so far.
    """

    n_instances: int
    repos: Sequence[str]
    settings: Mapping[str, int]


def note_looks(layout: Layout, config: AuditConfig, arms: Sequence[Arm]) -> Looks | None:
    """Note that `arms` were measured on the held-out ones among their instances; None where there is none."""
    held = [one for one in arms[0].cell.instances if one.repo not in config.development_repos]
    if not held:
        return None
    ids = sorted(one.instance_id for one in held)
    mine = {arm.condition: _setting(arm) for arm in arms}
    path = layout.held_out_looks
    with locked(path.with_suffix(".lock")):
        known = read_jsonl(path)
        looks = [{"condition": name, "setting": key, "ids": ids} for name, key in mine.items()]
        write_jsonl(path, known + [look for look in looks if look not in known])
    found = {name: {key} for name, key in mine.items()}
    for look in known:
        if look["condition"] in found and not set(ids).isdisjoint(look["ids"]):
            found[look["condition"]].add(look["setting"])
    counts = {name: len(keys) for name, keys in found.items()}
    return Looks(n_instances=len(ids), repos=sorted({one.repo for one in held}), settings=counts)


def _setting(arm: Arm) -> str:
    """Of a condition, whatever its budget."""
    node = {
        key: value for key, value in arm.cell.container["condition"].items() if key not in arm.budget_keys
    }
    return fingerprint(masked(node))
