"""`slice.healthy_only`: instances excluded from all arms, chosen by the first run of a group and kept in group.json."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from contexttune.config.schema import SliceConfig
from contexttune.errors import ConfigError
from contexttune.instances import health_records, slices
from contexttune.instances.health_records import Check
from contexttune.instances.row_checks import first_names
from contexttune.paths import Layout
from contexttune.system.files import read_json

log = logging.getLogger(__name__)

Excluded = list[dict[str, str]]  # [{"instance_id", "reason"}], in the dataset's order


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """The unhealthy instances of a slice. `harness` is a `health_records.harness_key`."""

    layout: Layout
    slice: SliceConfig
    harness: Mapping[str, Any]
    grades: bool  # whether the harness gives verdicts

    def of_group(self, group_id: str) -> Excluded:
        """The instances that the group excludes, or would exclude if it has not begun.

        Raises ConfigError as `decide` does, and when the group has begun without `slice.healthy_only`.
        """
        if not self.slice.healthy_only:
            return []
        group = read_json(self.layout.group(group_id) / "group.json")
        if group is None:
            return self.decide()
        if "excluded" not in group:
            raise ConfigError(
                f"group_id={group_id} has runs without slice.healthy_only: choose another group_id"
            )
        return list(group["excluded"])

    def decide(self) -> Excluded:
        """The unhealthy instances by the current health records, up to the limit of the slice.

        Raises ConfigError when an instance has not been checked.
        """
        if not self.grades:
            raise ConfigError(
                f"slice.healthy_only=true: harness={self.harness['name']} grades nothing, choose a harness that does"
            )
        unhealthy: Excluded = []
        unchecked, n_kept = [], 0
        for name, checks in self._checks():
            if n_kept == self.slice.limit:
                break
            if reason := health_records.defect(checks):
                unhealthy.append({"instance_id": name, "reason": reason})
                continue
            n_kept += 1
            unchecked += [] if health_records.is_checked(checks) else [name]
        if unchecked:
            self._refuse(unchecked)
        return unhealthy

    def warn_of_change(self, excluded: Sequence[Mapping[str, str]]) -> None:
        """Log instances whose health changed since the group began; the group itself does not change."""
        before = {entry["instance_id"] for entry in excluded}
        for name, checks in self._checks():
            reason = health_records.defect(checks)
            if reason and name not in before:
                log.warning("%s is unhealthy (%s), but this group began with it and keeps it", name, reason)
            elif name in before and reason is None and health_records.is_checked(checks):
                log.warning("%s is healthy now, but this group began without it and still excludes it", name)

    def _checks(self) -> Iterator[tuple[str, Mapping[str, Check]]]:
        """(instance_id, host -> its last check there) of the slice without its limit, in all shards."""
        known = health_records.last_checks(self.layout, self.harness)
        for instance in slices.load(replace(self.slice, limit=None, shard_index=0, shard_count=1)):
            yield instance.instance_id, known[instance.instance_id, health_records.row_digest(instance)]

    def _refuse(self, unchecked: Sequence[str]) -> None:
        typed = health_records.command(vars(self.slice), str(self.harness["name"]))
        raise ConfigError(
            f"slice.healthy_only=true: {len(unchecked)} instances have no health check by this harness ({first_names(unchecked)}): "
            f"first run {typed} (with this command's other settings of slice and harness)"
        )
