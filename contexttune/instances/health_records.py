"""Health checks of instances: the verdicts on their gold patch and on a patch that changes nothing.

results/health/<host>.json has one entry for each dataset row, harness and image digest that was checked on that machine.
An instance is unhealthy if the last check on any machine found its gold patch unresolved, or resolved it without a fix.
"""

from __future__ import annotations

import json
import logging
import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from contexttune.instances.row_checks import HARNESS, first_names
from contexttune.paths import Layout
from contexttune.system.files import fingerprint, read_json, read_jsonl, write_json
from contexttune.types import GoldInstance, Outcome

log = logging.getLogger(__name__)

KINDS = ("gold", "no_change")
_SCHEMA_VERSION = 1
_NO_SETTINGS: dict[str, Any] = {"slice": {"name": "???"}, "harness": {"name": "???"}}
_NOTE = ".contexttune-no-change"
# The SWE-bench harness does not test an empty patch. This one adds a file that nothing reads.
NO_CHANGE = f"diff --git a/{_NOTE} b/{_NOTE}\nnew file mode 100644\n--- /dev/null\n+++ b/{_NOTE}\n@@ -0,0 +1 @@\n+nothing\n"


@dataclass(frozen=True, kw_only=True)
class Check:
    """The verdicts on a row: `gold` and `no_change` are {"outcome", "reason"}, or None without a verdict.

    Attributes:
        row_digest: see `row_digest`.
        harness: see `harness_key`.
        image_digest: of the image that it was graded in; None if the harness uses no images.
        confirmed: when it was last found on its machine, ISO 8601.
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
        """Whether both patches have a verdict."""
        return None not in (self.gold, self.no_change)

    @property
    def defect(self) -> str | None:
        """Why the instance is unhealthy; None if it is not known to be."""
        if self.gold and self.gold["outcome"] != Outcome.RESOLVED:
            why = f" ({self.gold['reason']})" if self.gold["reason"] else ""
            return f"its gold patch is graded as {self.gold['outcome']}{why}"
        if self.no_change and self.no_change["outcome"] == Outcome.RESOLVED:
            return "it is resolved without a fix"
        return None


def row_digest(instance: GoldInstance) -> str:
    """A digest of the columns that grading reads, the same for every kind of dataset."""
    columns = ("instance_id", "repo", "base_commit", "patch", "test_patch", *HARNESS)
    return fingerprint({column: _plain(instance.row.get(column)) for column in columns}, 16)


def _plain(value: Any) -> Any:
    """A column's value: some kinds of datasets encode lists as JSON text."""
    if isinstance(value, str) and value.startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return list(value) if isinstance(value, (list, tuple)) else value


def harness_key(settings: Mapping[str, Any], swebench: str | None) -> dict[str, Any]:
    """Inputs of a verdict besides the row: the harness's settings in a group, and swebench's version."""
    return {**settings, "swebench": swebench}


def read(path: Path) -> list[Check]:
    """The checks of one machine; [] if the file is missing or cannot be read."""
    try:
        return [Check(**entry) for entry in (read_json(path) or {"checks": []})["checks"]]
    except (ValueError, KeyError, TypeError) as error:
        log.warning("%s is not a valid record of health checks and is ignored (%s)", path, error)
        return []


def write(path: Path, checks: Sequence[Check]) -> None:
    """Replace a machine's file."""
    ordered = sorted(checks, key=lambda check: (check.instance_id, check.confirmed))
    entries = [asdict(check) for check in ordered]
    write_json(path, {"schema_version": _SCHEMA_VERSION, "host": path.stem, "checks": entries})


def last_checks(layout: Layout, harness: Mapping[str, Any]) -> defaultdict[tuple[str, str], dict[str, Check]]:
    """(instance_id, row digest) -> host -> the last check on that machine by the harness with that key."""
    found: defaultdict[tuple[str, str], dict[str, Check]] = defaultdict(dict)
    for path in sorted(layout.health.glob("*.json")):
        for check in read(path):
            on_hosts = found[check.instance_id, check.row_digest]
            last = on_hosts.get(path.stem)
            if check.harness == harness and (last is None or last.confirmed <= check.confirmed):
                on_hosts[path.stem] = check
    return found


def is_checked(checks: Mapping[str, Check]) -> bool:
    """Whether the checks of a row (by host) tell if it is healthy."""
    return any(check.is_complete or check.defect for check in checks.values())


def defect(checks: Mapping[str, Check]) -> str | None:
    """Why a row with these checks (by host) is unhealthy, and on which machine; None if it is not known to be."""
    found = (f"{check.defect} on {host}" for host, check in sorted(checks.items()) if check.defect)
    return next(found, None)


def updated(checks: Sequence[Check], found: Sequence[Check]) -> list[Check]:
    """`checks` merged with the later ones of `found`: one check for each row, harness and image."""
    known = {_identity(check): check for check in checks}
    for check in found:
        before = known.get(_identity(check), check)
        gold, no_change = check.gold or before.gold, check.no_change or before.no_change
        known[_identity(check)] = replace(check, gold=gold, no_change=no_change)
    return list(known.values())


def _identity(check: Check) -> tuple[Any, ...]:
    return check.instance_id, check.row_digest, fingerprint(dict(check.harness)), check.image_digest


def command(slice_settings: Mapping[str, Any], harness_name: str) -> str:
    """The command that checks a slice, quoted for a shell."""
    name, limit = slice_settings["name"], slice_settings.get("limit")
    narrowed = [f"slice.dataset={slice_settings['dataset']}"] if name == "custom" else []
    if limit and not slice_settings.get("healthy_only"):  # may need instances beyond the limit
        narrowed.append(f"slice.limit={limit}")
    chosen = shlex.join([f"slice={name}", *narrowed, f"harness={harness_name}"])
    return f"python -m contexttune experiment=health {chosen}"


def of_group(layout: Layout, group_id: str, instance_ids: Sequence[str]) -> dict[str, Any]:
    """The health of a group's instances by its own harness, for summary.json.

    Returns: `n_instances`; `n_checked`, whose gold patch has a verdict; `n_gold_resolved`, on every machine that checked
    it; `ceiling`, n_gold_resolved / n_checked; `unhealthy` and `excluded`, [{"instance_id", "reason"}]; `command`, which
    checks them, or null with harness=none.
    """
    group = read_json(layout.group(group_id) / "group.json") or {}
    settings = group.get("settings", _NO_SETTINGS)  # the group has not begun
    digests, version = _rows_of(layout, group_id, instance_ids)
    known = last_checks(layout, harness_key(settings["harness"], version))
    rows = {name: known[name, digests.get(name, "")] for name in sorted(set(instance_ids))}
    gold = [[c.gold["outcome"] for c in checks.values() if c.gold] for checks in rows.values()]
    checked = [outcomes for outcomes in gold if outcomes]
    n_resolved = sum(set(outcomes) == {Outcome.RESOLVED} for outcomes in checked)
    return {
        "n_instances": len(rows),
        "n_checked": len(checked),
        "n_gold_resolved": n_resolved,
        "ceiling": n_resolved / len(checked) if checked else None,
        "unhealthy": [
            {"instance_id": name, "reason": why} for name, checks in rows.items() if (why := defect(checks))
        ],
        "excluded": group.get("excluded", []),
        "command": command(settings["slice"], name)
        if (name := settings["harness"]["name"]) != "none"
        else None,
    }


def _rows_of(layout: Layout, group_id: str, instance_ids: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """(instance_id -> digest of its row, swebench's version), from the records of the group's runs."""
    digests: dict[str, str] = {}
    version = None
    for path in sorted(layout.group(group_id).glob("runs/*/run.json")):
        if version and digests.keys() >= set(instance_ids):  # all runs of a group have the same rows
            break
        version = version or read_json(path)["manifest"].get("packages", {}).get("swebench")
        rows = read_jsonl(layout.problems(group_id, path.parent.name))
        digests |= {row["instance_id"]: row["row_digest"] for row in rows if "row_digest" in row}
    return digests, version


def words(health: Mapping[str, Any]) -> str:
    """The health of a group as a sentence."""
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
        suffix = f"; unhealthy: {first_names(names)}{suffix}"
    return sentence + suffix
