"""Which instances a machine can grade: what becomes of their gold patch, and of a patch that changes nothing.

results/health/<host>.json holds what was checked on a machine: one entry a dataset row, harness and image digest. An
instance is unhealthy where its gold patch is not resolved, or is resolved without a fix: on any machine, by the last
check there.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from contexttune.instances.row_checks import HARNESS
from contexttune.paths import Layout
from contexttune.system.files import fingerprint, read_json, read_jsonl, write_json
from contexttune.types import GoldInstance, Outcome

log = logging.getLogger(__name__)

KINDS = ("gold", "no_change")
_SCHEMA_VERSION = 1
_NO_SETTINGS: dict[str, Any] = {"slice": {"name": "???"}, "harness": {"name": "???"}}
_NOTE = ".contexttune-no-change"
# The SWE-bench harness runs no test for an empty patch. This one adds a file that nothing reads.
NO_CHANGE = f"diff --git a/{_NOTE} b/{_NOTE}\nnew file mode 100644\n--- /dev/null\n+++ b/{_NOTE}\n@@ -0,0 +1 @@\n+nothing\n"


@dataclass(frozen=True, kw_only=True)
class Check:
    """What is known of a row; `gold` and `no_change` are {"outcome", "reason"}, None while there is no verdict.

    Attributes:
        row_digest: see `row_digest`.
        harness: see `harness_key`.
        image_digest: of the image that it was graded in; None where the harness has no images.
        confirmed: when it was last found to be what holds on its machine, ISO 8601.
    """

    instance_id: str
    row_digest: str
    harness: Mapping[str, Any]
    image_digest: str | None
    confirmed: str
    gold: Mapping[str, Any] | None = None
    no_change: Mapping[str, Any] | None = None

    @property
    def is_complete(self) -> bool:
        """Whether both patches have their verdict."""
        return None not in (self.gold, self.no_change)

    @property
    def defect(self) -> str | None:
        """Why it is unhealthy, as far as is known."""
        if self.gold and self.gold["outcome"] != Outcome.RESOLVED:
            why = f" ({self.gold['reason']})" if self.gold["reason"] else ""
            return f"its gold patch ends as {self.gold['outcome']}{why}"
        if self.no_change and self.no_change["outcome"] == Outcome.RESOLVED:
            return "it is resolved without a fix"
        return None


def row_digest(instance: GoldInstance) -> str:
    """A digest of all that grading reads of a dataset row, the same for every form of the dataset."""
    columns = ("instance_id", "repo", "base_commit", "patch", "test_patch", *HARNESS)
    return fingerprint({column: _plain(instance.row[column]) for column in columns}, 16)


def _plain(value: Any) -> Any:
    """Lists are JSON texts in some forms of a dataset."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return list(value) if isinstance(value, (list, tuple)) else value


def harness_key(settings: Mapping[str, Any], swebench: str | None) -> dict[str, Any]:
    """What tells one harness's verdicts from another's: its part of a group's settings, and swebench's version."""
    return {**settings, "swebench": swebench}


def read(path: Path) -> list[Check]:
    """The checks of one machine's file; none where there is no such file, or nothing that can be read."""
    try:
        return [Check(**entry) for entry in (read_json(path) or {"checks": []})["checks"]]
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is no record of health checks and is not read (%s)", path, error)
        return []


def write(path: Path, checks: Sequence[Check]) -> None:
    """Replace a machine's file."""
    ordered = sorted(checks, key=lambda check: (check.instance_id, check.confirmed))
    entries = [asdict(check) for check in ordered]
    write_json(path, {"schema_version": _SCHEMA_VERSION, "host": path.stem, "checks": entries})


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """The last check of every row on every machine, by one harness."""

    checks: Mapping[
        tuple[str, str], Mapping[str, Check]
    ]  # (instance_id, row digest) -> host -> its last check

    def of(self, instance_id: str, digest: str) -> Mapping[str, Check]:
        """host -> its check."""
        return self.checks.get((instance_id, digest), {})

    def is_checked(self, instance_id: str, digest: str) -> bool:
        """Whether it is known to be one or the other."""
        known = self.of(instance_id, digest).values()
        return any(check.is_complete or check.defect for check in known)

    def defect(self, instance_id: str, digest: str) -> str | None:
        """Why it is unhealthy, on the first machine where it is."""
        for host, check in sorted(self.of(instance_id, digest).items()):
            if check.defect:
                return f"{check.defect} on {host}"
        return None


def knowledge(layout: Layout, harness: Mapping[str, Any]) -> Knowledge:
    """What all machines' files say about verdicts of the harness with that key."""
    found: dict[tuple[str, str], dict[str, Check]] = {}
    for path in sorted(layout.health.glob("*.json")):
        for check in read(path):
            on_hosts = found.setdefault((check.instance_id, check.row_digest), {})
            last = on_hosts.get(path.stem)
            if check.harness == harness and (last is None or last.confirmed <= check.confirmed):
                on_hosts[path.stem] = check
    return Knowledge(checks=found)


def updated(checks: Sequence[Check], found: Sequence[Check]) -> list[Check]:
    """`checks` and what was `found` later; of the same row, harness and image one check, with the verdicts of both."""
    known = {_identity(check): check for check in checks}
    for check in found:
        before = known.get(_identity(check), check)
        gold, no_change = check.gold or before.gold, check.no_change or before.no_change
        known[_identity(check)] = replace(check, gold=gold, no_change=no_change)
    return list(known.values())


def _identity(check: Check) -> tuple[Any, ...]:
    return check.instance_id, check.row_digest, fingerprint(dict(check.harness)), check.image_digest


def command(slice_settings: Mapping[str, Any], harness_name: str) -> str:
    """What a user types to check a slice, for a shell to read as it is meant whatever a record calls its dataset."""
    name, limit = slice_settings["name"], slice_settings.get("limit")
    narrowed = [f"slice.dataset={slice_settings['dataset']}"] if name == "custom" else []
    if limit and not slice_settings.get("healthy_only"):  # which looks beyond the limit for healthy ones
        narrowed.append(f"slice.limit={limit}")
    chosen = shlex.join([f"slice={name}", *narrowed, f"harness={harness_name}"])
    return f"python -m contexttune experiment=health {chosen}"


def of_group(layout: Layout, group_id: str, instance_ids: Sequence[str]) -> dict[str, Any]:
    """What is known of a group's instances by its own harness, for summary.json.

    Returns: `n_instances`; `n_checked` of them, whose gold patch has a verdict; `n_gold_resolved`, on all machines that
    know it; `ceiling`, the share of the checked; `unhealthy` and `excluded`, [{"instance_id", "reason"}];
    `command`, which checks; null where harness=none grades nothing.
    """
    group = read_json(layout.group(group_id) / "group.json") or {}
    settings = group.get("settings", _NO_SETTINGS)  # none has begun
    digests, version = _rows_of(layout, group_id, instance_ids)
    known = knowledge(layout, harness_key(settings["harness"], version))
    rows = [(name, digests.get(name, "")) for name in sorted(set(instance_ids))]
    gold = [[c.gold["outcome"] for c in known.of(*row).values() if c.gold] for row in rows]
    checked = [outcomes for outcomes in gold if outcomes]
    n_resolved = sum(set(outcomes) == {Outcome.RESOLVED} for outcomes in checked)
    return {
        "n_instances": len(rows),
        "n_checked": len(checked),
        "n_gold_resolved": n_resolved,
        "ceiling": n_resolved / len(checked) if checked else None,
        "unhealthy": [{"instance_id": row[0], "reason": why} for row in rows if (why := known.defect(*row))],
        "excluded": group.get("excluded", []),
        "command": command(settings["slice"], name)
        if (name := settings["harness"]["name"]) != "none"
        else None,
    }


def _rows_of(layout: Layout, group_id: str, instance_ids: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """(instance_id -> digest of its row, swebench's version), as the group's runs have recorded them."""
    digests: dict[str, str] = {}
    version = None
    for path in sorted(layout.group(group_id).glob("runs/*/run.json")):
        if version and digests.keys() >= set(instance_ids):  # runs of a group have the same rows
            break
        version = version or read_json(path)["manifest"].get("packages", {}).get("swebench")
        rows = read_jsonl(layout.problems(group_id, path.parent.name))
        digests |= {row["instance_id"]: row["row_digest"] for row in rows if "row_digest" in row}
    return digests, version


def words(health: Mapping[str, Any]) -> str:
    """What `of_group` found, as a sentence."""
    left_out = len(health["excluded"])
    suffix = f"; {left_out} unhealthy instances were left out of all arms" if left_out else ""
    if health["ceiling"] is None:
        remedy = health["command"] or "harness=none grades nothing"
        return f"ceiling: not checked: {remedy}{suffix}"
    n_checked, n_instances = health["n_checked"], health["n_instances"]
    of = "instances" if n_checked == n_instances else f"checked instances (of {n_instances})"
    sentence = f"ceiling: the gold patch resolves {health['n_gold_resolved']} of {n_checked} {of}"
    names = [entry["instance_id"] for entry in health["unhealthy"]]
    if names:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        suffix = f"; unhealthy: {shown}{suffix}"
    return sentence + suffix
