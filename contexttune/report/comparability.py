"""Comparability of runs: whether they differ in anything but condition, seed and shard."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contexttune.config.differences import Difference, differences

Run = Mapping[str, Any]
Row = Mapping[str, Any]

_VERSIONS = ("contexttune", "python", "packages", "harness", "dataset", "endpoint")
_CODE = tuple(f"contexttune.{key}" for key in ("commit", "dirty", "diff_sha256"))
_VARIED = ("condition", "signal", "seed")
_SHARDS = ("shard_index", "shard_count")


def run_differences(a: Run, b: Run) -> list[Difference]:
    """(key, value in a, value in b) of everything that may change a result, except condition, seed and shard.

    Images and served models are compared only where both runs recorded them.
    """
    found = differences(_inputs(a), _inputs(b))
    if _shard(a) == _shard(b):  # other shards have other rows
        found += differences(*({"rows_digest": run["manifest"].get("rows_digest")} for run in (a, b)))
    if a.get("served_models") and b.get("served_models"):
        found += differences({"served_models": a["served_models"]}, {"served_models": b["served_models"]})
    for part in ("runner", "harness"):
        digests = [run.get("images", {}).get(part, {}) for run in (a, b)]
        both = digests[0].keys() & digests[1].keys()
        known = [{"images": {part: {image: own[image] for image in both}}} for own in digests]
        found += differences(*known)
    return found


def unlike_prompts(rows: Iterable[Row]) -> tuple[int, int]:
    """(instances whose attempts had different runner prompts, instances with recorded prompts)."""
    prompts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.get("prompts_sha256"):
            prompts[row["instance_id"]].add(row["prompts_sha256"])
    return sum(len(known) > 1 for known in prompts.values()), len(prompts)


def is_code_state(difference: Difference) -> bool:
    """Whether the difference is in contexttune's commit or uncommitted changes, which seldom change a result."""
    return difference[0] in _CODE


def group_differences(runs: Sequence[Run]) -> list[Difference]:
    """Differences of each run from the first run and from the first run of its shard; each key once."""
    first_of_shard: dict[tuple[Any, ...], Run] = {}
    found: dict[str, Difference] = {}
    for run in runs:
        first_here = first_of_shard.setdefault(_shard(run), run)
        for first in (runs[0],) if first_here is runs[0] else (runs[0], first_here):
            for one in run_differences(first, run):
                found.setdefault(one[0], one)
    return [found[key] for key in sorted(found)]


def _shard(run: Run) -> tuple[Any, ...]:
    chosen = run["manifest"].get("config", {}).get("slice", {})
    return tuple(chosen.get(key) for key in _SHARDS)


def _inputs(run: Run) -> dict[str, Any]:
    manifest = run["manifest"]
    settings = {key: node for key, node in manifest.get("settings", {}).items() if key not in _VARIED}
    if "slice" in settings:
        settings["slice"] = {key: value for key, value in settings["slice"].items() if key not in _SHARDS}
    return {key: manifest[key] for key in _VERSIONS if key in manifest} | {"settings": settings}
