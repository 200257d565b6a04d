"""Whether runs differ in their condition alone, by their records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from contexttune.config.differences import Difference, differences

Run = Mapping[str, Any]
Row = Mapping[str, Any]

_VERSIONS = ("contexttune", "python", "packages", "harness", "dataset", "endpoint")
_CODE = tuple(f"contexttune.{key}" for key in ("commit", "dirty", "diff_sha256"))
_OF_THE_ARM = ("condition", "signal", "seed")
_SHARDS = ("shard_index", "shard_count")


def difference(a: Run, b: Run) -> list[Difference]:
    """(key, in a, in b) of all that may change a result, but for condition, seed and shard.

    Of images, and of models that an endpoint said it serves, only what both runs know can differ.
    """
    found = differences(_made_of(a), _made_of(b))
    if _shard(a) == _shard(b):  # others hold other rows
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
    """(instances that the runner's own prompts were not the same for in all attempts, instances with any)."""
    prompts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.get("prompts_sha256"):
            prompts[row["instance_id"]].add(row["prompts_sha256"])
    return sum(len(known) > 1 for known in prompts.values()), len(prompts)


def is_of_code(difference: Difference) -> bool:
    """Whether it is of the checkout that ran, and not of its version: few commits can change a result."""
    return difference[0] in _CODE


def among(runs: Sequence[Run]) -> list[Difference]:
    """The differences of each run from the first, and from the first of its shard, each key once."""
    of_shard: dict[tuple[Any, ...], Run] = {}
    found: dict[str, Difference] = {}
    for run in runs:
        of_its_own = of_shard.setdefault(_shard(run), run)
        for first in (runs[0],) if of_its_own is runs[0] else (runs[0], of_its_own):
            for one in difference(first, run):
                found.setdefault(one[0], one)
    return [found[key] for key in sorted(found)]


def _shard(run: Run) -> tuple[Any, ...]:
    chosen = run["manifest"].get("config", {}).get("slice", {})
    return tuple(chosen.get(key) for key in _SHARDS)


def _made_of(run: Run) -> dict[str, Any]:
    manifest = run["manifest"]
    settings = {key: node for key, node in manifest.get("settings", {}).items() if key not in _OF_THE_ARM}
    if "slice" in settings:
        settings["slice"] = {key: value for key, value in settings["slice"].items() if key not in _SHARDS}
    return {key: manifest[key] for key in _VERSIONS if key in manifest} | {"settings": settings}
